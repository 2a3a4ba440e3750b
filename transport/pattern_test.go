package transport

import (
	"strings"
	"testing"
)

func TestCheckOrigin(t *testing.T) {
	for pattern, wantErr := range map[string]string{
		"*":                             "",
		"null":                          "",
		"https://shop.example":          "",
		"HTTPS://Shop.Example":          "",
		"https://shop.example:8443":     "",
		"https://*.shop.example":        "",
		"http://localhost:*":            "",
		"http://192.168.1.5:3000":       "",
		"http://[::1]:3000":             "",
		"capacitor://localhost":         "",
		"chrome-extension://abcdefghij": "",
		"https://xn--bcher-kva.example": "",

		"":                              "no scheme",
		"shop.example":                  "no scheme",
		"://shop.example":               "scheme can't be",
		"1http://shop.example":          "scheme can't be",
		"https://":                      "host is missing",
		"https://*":                     "every host is too many",
		"https://*:443":                 "every host is too many",
		"https://*shop.example":         "only for all of a name's sub-domains",
		"https://a.*.example":           "only for all of a name's sub-domains",
		"https://shop.example/":         "without path",
		"https://shop.example/app":      "without path",
		"https://shop.example?x":        "without path",
		"https://me@shop.example":       "without path",
		"https://shop.example:port":     "port can't be",
		"https://shop.example:123456":   "port can't be",
		"https://bücher.example":        "xn--",
		"https://shop..example":         "no host name",
		"https://[::1":                  "told apart",
		"https://[zz]":                  "no address",
		"https://shop example":          "no host name",
		"https://a.example,https://b.e": "without path",
	} {
		t.Run(pattern, func(t *testing.T) { checkErr(t, CheckOrigin(pattern), wantErr) })
	}
}

func TestCheckHost(t *testing.T) {
	for pattern, wantErr := range map[string]string{
		"*":                    "",
		"push.shop.example":    "",
		"*.shop.example":       "",
		"intranet":             "",
		"my_host.lan":          "",
		"":                     "host is missing",
		"https://shop.example": "without scheme",
		"shop.example/path":    "without scheme",
		"shop.example:8080":    "without its port",
		"127.0.0.1":            "allowed anyway",
		"[::1]":                "allowed anyway",
		"*.":                   "host is missing",
		"shop.*":               "sub-domains",
	} {
		t.Run(pattern, func(t *testing.T) { checkErr(t, CheckHost(pattern), wantErr) })
	}
}

// checkErr wants err to hold the text want, or no error where that is empty.
func checkErr(t *testing.T, err error, want string) {
	t.Helper()
	switch {
	case want == "" && err != nil:
		t.Errorf("got error %q, want none", err)
	case want != "" && (err == nil || !strings.Contains(err.Error(), want)):
		t.Errorf("got error %v, want one with %q", err, want)
	}
}
