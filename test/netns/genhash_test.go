// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package netns_test

import (
	"fmt"
	"net"
	"regexp"
	"strings"
	"testing"

	"github.com/vigild/vigild/test/netns/lab"
)

// TestGenhashTwin has keepalived's genhash and ours ask the same server for the
// same pages: they print the same, and send the same.
func TestGenhashTwin(t *testing.T) {
	t.Parallel()
	l := lab.New(t)
	w := l.Wire()
	a, far := l.Router("a", w), l.Router("far", w)
	asked := make(chan string, 1)
	var answer string
	var listener net.Listener
	far.Do(func() (err error) {
		listener, err = net.Listen("tcp", ":80")
		return err
	})
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			b := make([]byte, 4096)
			n, _ := c.Read(b)
			asked <- string(b[:n])
			_, _ = c.Write([]byte(answer))
			c.Close()
		}
	}()
	took := regexp.MustCompile(`= \d+ usecs`)
	genhash := func(args []string) (out, request string) {
		out, err := a.Try(args...)
		if err != nil {
			return err.Error(), ""
		}
		return took.ReplaceAllString(out, "= N usecs"), <-asked
	}
	page := "HTTP/1.1 200 OK\r\nServer: far\r\nContent-Length: 12\r\n\r\nall is well\n"
	for _, tc := range []struct{ answer, args string }{
		{page, ""},
		{page, "-v"},
		{page, "-v -P 1.1 -V www.example"},
		{page, "-P 1.0c -m 7 -t 5"},
		{"HTTP/1.0 404 Not Found\r\n\r\nnot\x00here\xff", "-v"},
		{"HTTP/1.0 204 No Content\r\n\r\n", "-v"},
		{"no page at all", ""}, // with -v, what is said of it comes in another order than through a terminal
		{"", ""},
	} {
		for _, to := range []string{far.Addr4(0).String(), far.Addr6(0).String()} {
			answer = tc.answer
			args := append(strings.Fields(tc.args), "-s", to, "-p", "80", "-u", "/page?a=b")
			theirs, theirRequest := genhash(append([]string{"genhash"}, args...))
			ours, ourRequest := genhash(append([]string{lab.Binary(t, "vigild"), "--genhash"}, args...))
			if ours != theirs || ourRequest != theirRequest {
				t.Errorf("%s: ours asks %q and prints\n%s\ntheirs asks %q and prints\n%s", fmt.Sprint(args), ourRequest, ours, theirRequest, theirs)
			}
		}
	}
}
