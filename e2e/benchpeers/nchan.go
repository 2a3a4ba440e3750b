package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/commchannel/gateway/internal/bench"
)

// An nchan is nginx with the module nchan, with one worker: so no message has
// to be told from one process to another. It is published to by POST, over a
// connection that stays.
type nchan struct{}

func (nchan) name() string { return "nchan" }

// nchanModule is where Debian has nginx's modules.
const nchanModule = "/usr/lib/nginx/modules/ngx_nchan_module.so"

func nginxPath() string {
	if path, err := exec.LookPath("nginx"); err == nil {
		return path
	}
	return "/usr/sbin/nginx" // in nobody's PATH but root's
}

func (nchan) prepare(ctx context.Context, _ string) (string, error) {
	if _, err := os.Stat(nchanModule); err != nil {
		return "", errors.New("the package libnginx-mod-nchan is not there")
	}
	nginx, err := output(ctx, nginxPath(), "-v")
	if err != nil {
		return "", err
	}
	module, err := output(ctx, "dpkg-query", "-W", "-f", "${Version}", "libnginx-mod-nchan")
	return "nchan " + module + " in " + strings.TrimPrefix(nginx, "nginx version: ") + ", one worker", err
}

const nchanConfig = `daemon off;
worker_processes 1;
worker_rlimit_nofile 20000;
pid %[1]s/nginx.pid;
error_log stderr error;
load_module ` + nchanModule + `;
events { worker_connections 15000; }
http {
	access_log off;
	keepalive_requests 1000000000;
	client_max_body_size 1m;
	client_body_buffer_size 128k;
	client_body_temp_path %[1]s/body;
	proxy_temp_path %[1]s/proxy;
	fastcgi_temp_path %[1]s/fastcgi;
	uwsgi_temp_path %[1]s/uwsgi;
	scgi_temp_path %[1]s/scgi;
	nchan_shared_memory_size 256m;
	server {
		listen %[2]s backlog=4096;
		location ~ ^/sub/(.+)$ {
			nchan_subscriber websocket longpoll;
			nchan_channel_id $1;
			nchan_subscriber_first_message newest;
		}
		location ~ ^/pub/(.+)$ {
			nchan_publisher http;
			nchan_channel_id $1;
			nchan_message_timeout 1m;
			nchan_message_buffer_length 1000;
		}
	}
}
`

func (nchan) start(ctx context.Context, folder string, longPoll bool) (*server, error) {
	addrs, err := freeAddrs(1)
	if err != nil {
		return nil, err
	}
	file := filepath.Join(folder, "nginx.conf")
	if err := os.WriteFile(file, fmt.Appendf(nil, nchanConfig, folder, addrs[0]), 0o600); err != nil {
		return nil, err
	}
	s, err := start(ctx, addrs[0], nginxPath(), "-c", file, "-p", folder, "-e", "stderr")
	if err != nil {
		return nil, err
	}
	s.url = "ws://" + addrs[0]
	s.dialect = nchanDialect{bench.NewNames(), addrs[0], longPoll}
	return s, nil
}

type nchanDialect struct {
	bench.Names
	host     string
	longPoll bool
}

// Subscriber follows one channel.
func (d nchanDialect) Subscriber(_ int, channels []int) bench.Session {
	path := "/sub/" + d.Channel(channels[0])
	if !d.longPoll {
		return &bench.WebSocket{Host: d.host, Path: path, Frame: messages}
	}
	get := func(place string) []byte {
		return fmt.Appendf(nil, "GET %s HTTP/1.1\r\nHost: %s\r\n%s\r\n", path, d.host, place)
	}
	return &bench.HTTP{
		First: get(""), Ready: true, // the answer is the first message
		Answer: func(header, body []byte, in *bench.Inbox) error {
			in.Messages(body)
			since, ok := bench.HeaderValue(header, "Last-Modified")
			tag, tagged := bench.HeaderValue(header, "Etag")
			if !ok || !tagged {
				return errors.New("an answer without a place")
			}
			in.Say(get(fmt.Sprintf("If-Modified-Since: %s\r\nIf-None-Match: %s\r\n", since, tag)))
			return nil
		},
	}
}

func (d nchanDialect) Publisher(int) bench.Publisher {
	var body []byte // the latest one, to be used again
	return bench.Sends{
		Session: &bench.HTTP{Ready: true, Answer: func([]byte, []byte, *bench.Inbox) error { return nil }},
		Text: func(dst []byte, channel int, text []byte) []byte {
			body = appendQuoted(body[:0], text)
			return bench.Post(dst, d.host, "/pub/"+d.Channel(channel), "application/json", body)
		},
	}
}
