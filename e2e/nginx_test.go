package e2e

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// An nginx is a real proxy on a free port, which ends with its test.
type nginx struct {
	addr, url string
}

// reserveNginx chooses a port, so that a gateway can be told of the site before
// nginx is told of the gateway.
func reserveNginx(t *testing.T) *nginx {
	t.Helper()
	l, err := net.Listen("tcp", anyPort)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	addr := l.Addr().String()
	return &nginx{addr: addr, url: "http://" + addr}
}

// nginxConfig is a whole configuration: folder, then what is in the http block,
// address, and what is in the server block.
const nginxConfig = `daemon off;
master_process off;
pid %[1]s/pid;
error_log stderr notice;
events { worker_connections 256; }
http {
    access_log off;
    default_type text/html;
    client_body_temp_path %[1]s/body;
    proxy_temp_path %[1]s/proxy;
    fastcgi_temp_path %[1]s/fastcgi;
    uwsgi_temp_path %[1]s/uwsgi;
    scgi_temp_path %[1]s/scgi;
    root %[1]s/html;
    %[2]s
    server {
        listen %[3]s;
        %[4]s
    }
}
`

// start runs nginx with pieces of configuration for its http and server
// blocks. Its site has one page, index.html.
func (n *nginx) start(t *testing.T, http, server string) {
	t.Helper()
	need(t, "nginx")
	folder := t.TempDir()
	if err := os.Mkdir(filepath.Join(folder, "html"), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"nginx.conf":      fmt.Sprintf(nginxConfig, folder, http, n.addr, server),
		"html/index.html": "<!doctype html><title>Shop</title><h1>Welcome</h1>\n",
	} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	c := spawn(t, "nginx", exec.Command("nginx", "-p", folder, "-c", filepath.Join(folder, "nginx.conf")), nil)
	// It tells its version once it listens.
	c.started(t, func(line string) bool { return strings.Contains(line, "] ") && strings.Contains(line, ": nginx/") })
}
