package gateway

import (
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/rs/zerolog"

	"github.com/commchannel/gateway/internal/gateway/settings"
	"github.com/commchannel/gateway/store"
	"github.com/commchannel/gateway/store/memcache"
	"github.com/commchannel/gateway/store/memlog"
	"github.com/commchannel/gateway/store/memory"
)

// A fullStore has all that the gateway's entrances need.
type fullStore interface {
	store.Store
	store.ClientCursors
}

// A storeSpec is what a store's URL says.
type storeSpec struct {
	scheme   string
	memory   memory.Config
	memcache memcache.Config
	memlog   memlog.Config
}

const unknownScheme = "%q: a store's URL begins with memory:// or memcache://"

func checkStore(s string) error {
	_, err := parseStore(s)
	return err
}

func parseStore(s string) (storeSpec, error) {
	if strings.HasPrefix(s, "memcache://") {
		return parseMemcache(s)
	}
	u, err := url.Parse(s)
	if err != nil {
		return storeSpec{}, fmt.Errorf("%q is no URL", settings.Redact(s))
	}
	if u.Scheme == "" {
		return storeSpec{}, fmt.Errorf(unknownScheme, settings.Redact(s))
	}
	if u.User != nil || u.Fragment != "" || u.Path != "" && u.Path != "/" {
		return storeSpec{}, fmt.Errorf("%q: a store's URL has neither user nor path", u.Redacted())
	}
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return storeSpec{}, fmt.Errorf("%q: what follows the question mark can't be read", settings.Redact(s))
	}
	spec := storeSpec{scheme: u.Scheme}
	switch u.Scheme {
	case "memory":
		if u.Host != "" {
			return spec, fmt.Errorf("%q: the memory store has no host", settings.Redact(s))
		}
		err = setParameters(query, spec.memoryParameters())
	default:
		return spec, fmt.Errorf(unknownScheme, settings.Redact(s))
	}
	if err != nil {
		return spec, fmt.Errorf("%q: %w", settings.Redact(s), err)
	}
	return spec, nil
}

// parseMemcache reads the URL of a memcached by the layout in it.
func parseMemcache(s string) (spec storeSpec, err error) {
	_, query, _ := strings.Cut(s, "?")
	if parameters, _ := url.ParseQuery(query); parameters.Get("layout") == "log" {
		spec.scheme = "memlog"
		spec.memlog, err = memlog.ParseURL(s)
		return spec, err
	}
	spec.scheme = "memcache"
	spec.memcache, err = memcache.ParseURL(s)
	return spec, err
}

func (spec *storeSpec) memoryParameters() map[string]settings.Value {
	return map[string]settings.Value{
		"messages": settings.Int(&spec.memory.MaxMessages, 1, 10_000_000),
		"bytes":    settings.Bytes(&spec.memory.MaxBytes, 1<<10, 1<<30),
		"age":      settings.Duration(&spec.memory.MaxAge, time.Second, 30*24*time.Hour),
		"channels": settings.Int(&spec.memory.MaxChannels, 1, 10_000_000),
		"clients":  settings.Int(&spec.memory.MaxClients, 1, 10_000_000),
	}
}

func setParameters(query url.Values, known map[string]settings.Value) error {
	for _, name := range slices.Sorted(maps.Keys(query)) {
		v, ok := known[name]
		switch {
		case !ok:
			return fmt.Errorf("unknown parameter %s; there are %s", name, strings.Join(slices.Sorted(maps.Keys(known)), ", "))
		case len(query[name]) > 1:
			return fmt.Errorf("parameter %s is given twice", name)
		}
		if err := v.Set(query.Get(name)); err != nil {
			return fmt.Errorf("parameter %s: %w", name, err)
		}
	}
	return nil
}

// open makes the store. Messages of maxMessage bytes are to fit: their payload
// is in an envelope twice.
func (spec storeSpec) open(maxMessage int, log zerolog.Logger) (fullStore, error) {
	switch spec.scheme {
	case "memcache":
		spec.memcache.Logger = log
		return memcache.New(spec.memcache)
	case "memlog":
		spec.memlog.Logger = log
		return memlog.New(spec.memlog)
	}
	if spec.memory.MaxBytes == 0 {
		spec.memory.MaxBytes = max(1<<20, 8*maxMessage)
	}
	return memory.New(spec.memory)
}
