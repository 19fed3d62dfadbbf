// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package netns_test

import (
	"bufio"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/vigild/vigild/test/netns/lab"
)

// A post is a mail server that takes everything and keeps it as it came.
type post struct {
	mu   sync.Mutex
	got  []letter
	addr string
}

// A letter is one mail: its envelope and the lines after DATA.
type letter struct {
	from, to string
	lines    []string
}

// newPost starts a mail server in a router's namespace.
func newPost(t *testing.T, r *lab.Router) *post {
	t.Helper()
	p := &post{}
	var ln net.Listener
	r.Do(func() (err error) {
		ln, err = net.Listen("tcp4", "127.0.0.1:0")
		return err
	})
	p.addr = ln.Addr().String()
	t.Cleanup(func() { ln.Close() })
	go p.accept(ln)
	return p
}

func (p *post) accept(ln net.Listener) {
	for {
		c, err := ln.Accept()
		if err != nil {
			return
		}
		go p.talk(c)
	}
}

// talk is one session (RFC 5321).
func (p *post) talk(c net.Conn) {
	defer c.Close()
	fmt.Fprint(c, "220 mx.test SMTP\r\n")
	in := bufio.NewScanner(c)
	var l letter
	for in.Scan() {
		verb, arg, _ := strings.Cut(strings.TrimRight(in.Text(), "\r"), ":")
		switch word, _, _ := strings.Cut(verb, " "); word {
		case "MAIL":
			l.from = arg
		case "RCPT":
			l.to += arg
		case "DATA":
			fmt.Fprint(c, "354 go on\r\n")
			for in.Scan() && in.Text() != "." && in.Text() != ".\r" {
				l.lines = append(l.lines, fmt.Sprintf("%q", in.Text()))
			}
			p.mu.Lock()
			p.got = append(p.got, l)
			p.mu.Unlock()
			l = letter{}
		case "QUIT":
			fmt.Fprint(c, "221 bye\r\n")
			return
		}
		fmt.Fprint(c, "250 fine\r\n")
	}
}

func (p *post) taken() []letter {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.got)
}

// sameMail is a mail without what may differ: when it was, and who it is.
func (l letter) sameMail() string {
	var out []string
	for _, line := range l.lines {
		switch name, _, _ := strings.Cut(strings.Trim(line, `"`), ":"); name {
		case "Date":
			line = "Date"
		case "Message-ID", "Auto-Submitted", "X-Vigil-Event-Id", "X-Vigil-Reason", "X-Vigil-Cause":
			continue
		default:
			if strings.HasPrefix(line, `" `) { // the cause goes on
				continue
			}
		}
		out = append(out, line)
	}
	// compat: keepalived puts the name into the envelope as well.
	to := strings.NewReplacer("<Some One <noc@example.org>>", "<noc@example.org>").Replace(l.to)
	return to + "\n" + strings.Join(out, "\n")
}

// about is what a mail is about: that is told in order.
func (l letter) about() string {
	for _, line := range l.lines {
		if _, rest, ok := strings.Cut(line, "] VRRP "); ok {
			what, _, _ := strings.Cut(rest, " - ")
			return what
		}
	}
	return ""
}

// mailConf is a configuration with an instance in a group, one with notify_deleted
// and one that has no mail of its own.
func mailConf(server string, extra bool) string {
	host, port, _ := net.SplitHostPort(server)
	instance := func(name string, vrid int, more string) string {
		return fmt.Sprintf("vrrp_instance %s {\n    interface eth0\n    version 3\n    virtual_router_id %d\n    priority 100\n    advert_int 0.3\n"+
			"    virtual_ipaddress {\n        10.0.9.%[2]d/16\n    }\n%[3]s}\n", name, vrid, more)
	}
	out := fmt.Sprintf("global_defs {\n    smtp_server %s %s\n    smtp_helo_name lb1.example.org\n    smtp_alert_vrrp on\n"+
		"    notification_email_from lb@example.org\n    notification_email {\n        ops@example.org\n        \"Some One <noc@example.org>\"\n    }\n}\n"+
		"vrrp_sync_group G {\n    group {\n        IN\n    }\n}\n", host, port) + instance("IN", 1, "") + instance("SILENT", 2, "    smtp_alert off\n")
	if extra {
		out += instance("GONE", 3, "    notify_deleted\n") + instance("LEFT", 4, "")
	}
	return out
}

// TestSameMail runs keepalived and vigild with the same configuration through the
// same story, and compares the mails that a mail server got: byte for byte but for
// their date and id, in order for each instance and group.
//
// compat: keepalived ends before the mails about its own end are sent; vigild
// sends them.
func TestSameMail(t *testing.T) {
	t.Parallel()
	var runs [2]map[string][]string
	t.Run("runs", func(t *testing.T) {
		for k, kind := range []lab.Kind{lab.Keepalived, lab.Vigild} {
			t.Run(kind.String(), func(t *testing.T) {
				t.Parallel()
				runs[k] = mailStory(t, kind)
			})
		}
	})
	if t.Failed() {
		return
	}
	n := 0
	for what, theirs := range runs[lab.Keepalived] {
		n += len(theirs)
		ours := runs[lab.Vigild][what]
		if len(ours) > len(theirs) && strings.Contains(ours[len(theirs)], "Stopping") {
			ours = ours[:len(theirs)]
		}
		if !slices.Equal(theirs, ours) {
			t.Errorf("%s: keepalived\n%s\nvigild\n%s", what, strings.Join(theirs, "\n---\n"), strings.Join(ours, "\n---\n"))
		}
	}
	if len(runs[0]) != 4 || len(runs[1]) != 4 || n < 17 {
		t.Errorf("%d mails about %d and %d", n, len(runs[0]), len(runs[1]))
	}
	t.Logf("%d mails are the same", n)
}

// mailStory is start, failure, repair, reload and stop; it returns the mails by
// what they are about.
func mailStory(t *testing.T, kind lab.Kind) map[string][]string {
	l := lab.New(t)
	r := l.Router("a", l.Wire())
	p := newPost(t, r)
	d := r.Start(kind, mailConf(p.addr, true), lab.Eager())
	mails := 0
	// Every stage ends when its mails are there; no stage is as short as to mix.
	stage := func(what string, more int) {
		t.Helper()
		mails += more
		lab.Until(t, 30*time.Second, fmt.Sprintf("%d mails after %s", mails, what), func() bool { return len(p.taken()) >= mails })
	}
	d.Wait("LEFT", lab.Master, 30*time.Second)
	stage("the start", 8)
	r.Cut(0)
	stage("the failure", 4)
	r.Mend(0)
	stage("the repair", 8)
	d.Rewrite(mailConf(p.addr, false))
	stage("the reload", 2)
	if status := d.Stop(); status != 0 {
		t.Errorf("%v ended with %d", kind, status)
	}
	out := map[string][]string{}
	for _, m := range p.taken() {
		out[m.about()] = append(out[m.about()], m.sameMail())
	}
	return out
}
