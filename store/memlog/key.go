package memlog

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"strconv"
	"strings"
)

// Keys, where <ch> is a channel's name as nameOf writes it:
//
//	cc1:<ch>:h          the head: decimal, the newest number; its flags are the epoch
//	cc1:<ch>:<n>        the slot of number n, in base 36
//	cc1:<ch>:i:<hash>   the claim of a message id: the cursor of its slot
//	cc1:<ch>:c:<hash>   the place of a polling client: a cursor
//	cc1::b:<random>     a gateway's heartbeat; no channel's name is empty
const (
	keyPrefix       = "cc1:"
	heartbeatPrefix = keyPrefix + ":b:"
	headSuffix      = "h"
	// maxName leaves room in memcached's 250 bytes for all that goes around
	// a name.
	maxName   = 180
	hashBytes = 16
)

// nameOf writes a channel's name as keys hold it: as it is, where it is plain;
// else "~" and base64url; else, where that is long, "~~" and the SHA-256 in
// hexadecimal. A plain name begins with no "~", so that no two share a key.
func nameOf(channel string) string {
	if plain(channel) {
		return channel
	}
	if coded := "~" + base64.RawURLEncoding.EncodeToString([]byte(channel)); len(coded) <= maxName {
		return coded
	}
	sum := sha256.Sum256([]byte(channel))
	return "~~" + hex.EncodeToString(sum[:])
}

func plain(channel string) bool {
	if channel == "" || len(channel) > maxName || channel[0] == '~' {
		return false
	}
	for i := range len(channel) {
		switch b := channel[i]; {
		case 'a' <= b && b <= 'z', 'A' <= b && b <= 'Z', '0' <= b && b <= '9':
		case b == '.', b == '_', b == '~', b == '-':
		default:
			return false
		}
	}
	return true
}

func headKey(name string) string { return keyPrefix + name + ":" + headSuffix }

func slotKey(name string, n uint64) string {
	return keyPrefix + name + ":" + strconv.FormatUint(n, 36)
}

func claimKey(name, id string) string      { return keyPrefix + name + ":i:" + hashOf(id) }
func clientKey(name, client string) string { return keyPrefix + name + ":c:" + hashOf(client) }

// hashOf makes any text a part of a key.
func hashOf(text string) string {
	sum := sha256.Sum256([]byte(text))
	return base64.RawURLEncoding.EncodeToString(sum[:hashBytes])
}

// writtenName is the channel of a head's or a slot's key. ok is false for any
// other key.
func writtenName(key string) (name string, ok bool) {
	rest, ok := strings.CutPrefix(key, keyPrefix)
	if !ok {
		return "", false
	}
	name, last, ok := strings.Cut(rest, ":")
	if !ok || name == "" {
		return "", false
	}
	if last == headSuffix {
		return name, true
	}
	_, err := strconv.ParseUint(last, 36, 64)
	return name, err == nil
}
