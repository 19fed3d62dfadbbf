// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"bufio"
	"io"
	"net"
	"reflect"
	"strings"
	"testing"

	"github.com/vigild/vigild/engine/event"
)

// mailServer greets, and answers each line with the next reply.
func mailServer(h *heard, greeting string, answers ...string) func(net.Conn) {
	return func(c net.Conn) {
		r := bufio.NewReader(c)
		_, _ = io.WriteString(c, greeting)
		for _, a := range answers {
			line, err := r.ReadString('\n')
			if err != nil {
				return
			}
			h.add(line)
			_, _ = io.WriteString(c, a)
		}
		if _, err := r.ReadString('\n'); err == nil {
			h.add("more")
		}
	}
}

// TestMailBytes: what is said, in which order.
func TestMailBytes(t *testing.T) {
	for text, name := range map[string]string{"": "smtpchecker.keepalived.org", "helo_name my.helo": "my.helo"} {
		var h heard
		k := check(t, "SMTP_CHECK {\n "+text+"\n}", serve(t, mailServer(&h, "220 hi\r\n", "250 ok\r\n", "221 bye\r\n")))
		o := run(t, k)
		wants(t, o, event.ReasonNone)
		if got, want := h.all(), []string{"HELO " + name + "\r\n", "QUIT\r\n"}; !reflect.DeepEqual(got, want) {
			t.Errorf("the server heard %q, want %q", got, want)
		}
		if o.Status != 250 || o.Phases[1] <= 0 || o.Phases[3] <= 0 || o.Phases[4] <= 0 {
			t.Errorf("outcome %+v", o)
		}
	}
}

// TestMailReplies: every place where a server can go wrong.
func TestMailReplies(t *testing.T) {
	for _, c := range []struct {
		name     string
		greeting string
		answers  []string
		reason   event.Reason
		status   int32
	}{
		{"many lines", "220-hi\r\n220-there\r\n220 go\r\n", []string{"250-a\r\n250 b\r\n", "221-x\r\n221 y\r\n"}, event.ReasonNone, 250},
		{"code alone", "220\r\n", []string{"250\r\n", "221\r\n"}, event.ReasonNone, 250},
		{"bare line ends", "220 hi\n", []string{"250 ok\n", "221 bye\n"}, event.ReasonNone, 250},
		{"QUIT refused", "220 hi\r\n", []string{"250 ok\r\n", "500 what\r\n"}, event.ReasonNone, 250},
		{"hung up after QUIT", "220 hi\r\n", []string{"250 ok\r\n", ""}, event.FailConnectionClosed, 250},
		{"QUIT unanswered", "220 hi\r\n", []string{"250 ok\r\n", ""}, event.FailReadTimeout, 250},
		{"QUIT answered by garbage", "220 hi\r\n", []string{"250 ok\r\n", "what\r\n"}, event.ReasonNone, 250},
		{"no service", "554 go away\r\n", nil, event.FailSMTPReply, 554},
		{"HELO refused", "220 hi\r\n", []string{"501 bad name\r\n"}, event.FailSMTPReply, 501},
		{"another protocol", "SSH-2.0-OpenSSH\r\n", nil, event.FailProtocol, 0},
		{"code that runs on", "2200 hi\r\n", nil, event.FailProtocol, 0},
		{"garbage", "\x00\xff\x00\xff\n", nil, event.FailProtocol, 0},
		{"nothing", "", nil, event.FailReadTimeout, 0},
		{"hung up before HELO is answered", "220 hi\r\n", []string{""}, event.FailConnectionClosed, 220},
	} {
		t.Run(c.name, func(t *testing.T) {
			answer := mailServer(&heard{}, c.greeting, c.answers...)
			if strings.HasPrefix(c.name, "hung up") {
				answer = func(conn net.Conn) {
					r := bufio.NewReader(conn)
					_, _ = io.WriteString(conn, c.greeting)
					for _, a := range c.answers {
						_, _ = r.ReadString('\n')
						_, _ = io.WriteString(conn, a)
					}
				}
			}
			timeout := "20"
			if c.reason == event.FailReadTimeout {
				timeout = "0.5"
			}
			k := check(t, "SMTP_CHECK {\n connect_timeout "+timeout+"\n}", serve(t, answer))
			o := run(t, k)
			wants(t, o, c.reason)
			if o.Status != c.status {
				t.Errorf("status %d, want %d", o.Status, c.status)
			}
		})
	}
	for name, answer := range map[string]func(net.Conn){
		"one endless line": endless("220 ", "x"), "endless lines": endless("", "220-x\r\n"),
	} {
		k := check(t, "SMTP_CHECK {\n connect_timeout 10\n}", serve(t, answer))
		if o := run(t, k); o.Reason != event.FailReplyTooLong {
			t.Errorf("%s: %+v", name, o)
		}
	}
}
