// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package scenario_test

import (
	"bufio"
	"context"
	"strings"
	"testing"
	"time"

	"github.com/vigild/vigild/test/netns/lab"
	"github.com/vigild/vigild/test/vm/farm"
)

// inside is the network of the guide's checks: one director with the virtual
// address outside, and servers inside that answer by way of it.
func inside(t *testing.T) (*network, *lab.Router, *lab.Router) {
	n := newNetwork(t)
	d := n.director("director", "192.168.200.1/24", "192.168.100.1/24")
	d.IP("addr add 192.168.200.15/32 dev eth0")
	return n, d, n.client("192.168.200.9/24")
}

// server is a host inside with the pages of the guide.
func (n *network) server(name, address string) *site {
	// Only eth1 is inside.
	r := n.host(name, "192.168.250.9/32", address)
	r.IP("route add default via 192.168.100.1 dev eth1")
	return n.site(r, map[string]string{"/testurl/test.jsp": "one of " + name, "/testurl2/test.jsp": "two of " + name})
}

// digest is what the guide has the operator find out with genhash.
func digest(d *lab.Router, server, port, path string, flags ...string) string {
	args := append([]string{lab.Binary(d.T(), "vigild"), "--genhash", "-s", server, "-p", port, "-u", path}, flags...)
	return strings.TrimSpace(d.Run(args...))
}

// ownDigests puts the digests of our pages where the guide has those of its own.
func ownDigests(d *lab.Router, text, port string, flags ...string) string {
	var out strings.Builder
	server, path := "", ""
	for line := range strings.Lines(text) {
		w := strings.Fields(line)
		switch {
		case len(w) > 2 && w[0] == "real_server":
			server = w[1]
		case len(w) == 2 && w[0] == "path":
			path = w[1]
		case len(w) == 2 && w[0] == "digest":
			line = "digest " + digest(d, server, port, path, flags...) + "\n"
		}
		out.WriteString(line)
	}
	return out.String()
}

// TestGuideHealthCheck plays the guide of checks: with its digests, which are of
// other pages than ours, no web server passes and the sorry server stands in; with
// those of our pages both do. TLS and SMTP are balanced beside it, all by NAT and
// each client staying where it was; what changes is mailed.
func TestGuideHealthCheck(t *testing.T) {
	t.Parallel()
	n, d, client := inside(t)
	mails := n.MailboxAt(n.host("mail", "192.168.200.20/24"), "192.168.200.20:25")
	cert := farm.Certificate(t, "www.domain.com", time.Now().Add(24*time.Hour))
	web := []*site{n.server("web2", "192.168.100.2/24"), n.server("web3", "192.168.100.3/24")}
	for _, s := range web {
		s.web(80, nil)
		s.web(443, &cert)
	}
	smtp := []*site{n.server("smtp4", "192.168.100.4/24"), n.server("smtp5", "192.168.100.5/24")}
	smtp[1].greet(25)
	sorry := n.server("sorry", "192.168.100.100/24")
	sorry.web(80, nil)

	text := n.read("guide/health-check.conf")
	daemon := d.Start(lab.Vigild, text, lab.Whole())
	const rest = `
-A -t 192.168.200.15:443 -s rr -p 360
-a -t 192.168.200.15:443 -r 192.168.100.2:443 -m -w 1
-a -t 192.168.200.15:443 -r 192.168.100.3:443 -m -w 1
-A -t 192.168.200.15:25 -s wlc -p 50
-a -t 192.168.200.15:25 -r 192.168.100.5:25 -m -w 2
`
	const four = "-a -t 192.168.200.15:25 -r 192.168.100.4:25 -m -w 1\n"
	n.holds(d, "with the guide's digests", "-A -t 192.168.200.15:80 -s wrr -p 50\n-a -t 192.168.200.15:80 -r 192.168.100.100:80 -m -w 1"+rest)
	n.says("with the guide's digests", "http://192.168.200.15/", "sorry")
	if why := daemon.Ctl("why", "192.168.200.15:80", "192.168.100.2:80"); !strings.Contains(why, "digest") {
		t.Errorf("why the web server is down:\n%s", why)
	}
	const from, admin, phone = "keepalived@domain.com", "admin@domain.com", "0633225522@domain.com"
	n.mailed(mails, "Realserver [192.168.100.4]:tcp:25 of virtual server [192.168.200.15]:tcp:25 - DOWN", from, admin, phone)
	n.mailed(mails, "Realserver [192.168.100.2]:tcp:80 of virtual server [192.168.200.15]:tcp:80 - DOWN", from, admin, phone)

	smtp[0].greet(25)
	daemon.Rewrite(ownDigests(d, text, "80"))
	// A check that is new counts as good until it fails.
	web[0].checked("/testurl/test.jsp", "/testurl2/test.jsp")
	web[1].checked("/testurl/test.jsp")
	n.holds(d, "with the digests of the pages", `-A -t 192.168.200.15:80 -s wrr -p 50
-a -t 192.168.200.15:80 -r 192.168.100.2:80 -m -w 2
-a -t 192.168.200.15:80 -r 192.168.100.3:80 -m -w 1`+rest+four)
	n.mailed(mails, "Realserver [192.168.100.4]:tcp:25 of virtual server [192.168.200.15]:tcp:25 - UP", from, admin, phone)
	for _, url := range []string{"http://192.168.200.15/", "https://192.168.200.15/"} {
		n.stays(url, "web")
	}
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	c, err := client.Dial(ctx, "tcp", "192.168.200.15:25")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if line, err := bufio.NewReader(c).ReadString('\n'); err != nil || !strings.HasPrefix(line, "220 smtp") {
		t.Errorf("the mail server says %q, %v", line, err)
	}
	// A server that is gone is left at its next check.
	smtp[0].close(25)
	n.holds(d, "without a mail server", `-A -t 192.168.200.15:80 -s wrr -p 50
-a -t 192.168.200.15:80 -r 192.168.100.2:80 -m -w 2
-a -t 192.168.200.15:80 -r 192.168.100.3:80 -m -w 1`+rest)
	if status := daemon.Stop(); status != 0 {
		t.Errorf("exit status %d", status)
	}
	n.holds(d, "at the end", "")
}

// TestGuideSSLGet plays the guide of the same checks over TLS.
func TestGuideSSLGet(t *testing.T) {
	t.Parallel()
	n, d, _ := inside(t)
	cert := farm.Certificate(t, "www.domain.com", time.Now().Add(24*time.Hour))
	web := []*site{n.server("web2", "192.168.100.2/24"), n.server("web3", "192.168.100.3/24")}
	for _, s := range web {
		s.web(443, &cert)
	}
	text := n.read("guide/ssl-get.conf")
	daemon := d.Start(lab.Vigild, text, lab.Whole())
	n.holds(d, "with the guide's digests", "-A -t 192.168.200.15:443 -s rr -p 360")
	daemon.Rewrite(ownDigests(d, text, "443", "-S"))
	web[0].checked("/testurl/test.jsp", "/testurl2/test.jsp")
	web[1].checked("/testurl/test.jsp")
	n.holds(d, "with the digests of the pages", `-A -t 192.168.200.15:443 -s rr -p 360
-a -t 192.168.200.15:443 -r 192.168.100.2:443 -m -w 1
-a -t 192.168.200.15:443 -r 192.168.100.3:443 -m -w 1`)
	n.stays("https://192.168.200.15/", "web")
}
