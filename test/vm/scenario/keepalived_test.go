// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package scenario_test

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/vigild/vigild/test/netns/lab"
)

// TestLVSKeepalived plays the guide of two directors with HTTP_GET, an address
// with a label, and three people who get mail. As published, the virtual server
// has another address than VRRP moves: here the directors have it on lo, and
// clients reach it by way of the one that moves.
func TestLVSKeepalived(t *testing.T) {
	t.Parallel()
	n := newNetwork(t)
	mail := n.host("mail", "192.168.200.1/16")
	mail.IP("route add 172.20.0.0/16 dev eth0")
	mails := n.MailboxAt(mail, "192.168.200.1:25")
	client := n.client("172.20.9.9/16")
	client.IP("route add 172.16.0.248 via 172.20.0.248")
	const index = "/index.html"
	var sites []*site
	for i := range 2 {
		s := n.site(n.host(fmt.Sprintf("rs%d", 151+i), fmt.Sprintf("172.20.0.%d/16", 151+i)), map[string]string{})
		s.realserver("172.16.0.248")
		s.web(80, nil)
		sites = append(sites, s)
	}
	var directors []*lab.Router
	var daemons []*lab.Daemon
	start := func(i int) *lab.Daemon {
		return directors[i].Start(lab.Vigild, n.read(fmt.Sprintf("lvs-keepalived/director%d.conf", 162+i)), lab.Whole())
	}
	for i := range 2 {
		d := n.director(fmt.Sprintf("lvs%d", 162+i), fmt.Sprintf("172.20.0.%d/16", 162+i))
		d.IP("addr add 172.16.0.248/32 dev lo", "route add 192.168.0.0/16 dev eth0")
		// An address that moves is not there without IPVS: on lo it would refuse.
		d.Run("nft", "add table ip quiet; add chain ip quiet out { type filter hook output priority 0; }; add rule ip quiet out ip saddr 172.16.0.248 drop")
		directors = append(directors, d)
		daemons = append(daemons, start(i))
	}
	daemons[0].Wait("VI_1", lab.Master, limit)
	const both = `-A -t 172.16.0.248:80 -s wrr
-a -t 172.16.0.248:80 -r 172.20.0.151:80 -g -w 1
-a -t 172.16.0.248:80 -r 172.20.0.152:80 -g -w 1`
	n.holds(directors[0], "at first", both)
	n.holds(directors[1], "at first", both)
	if out := directors[0].Run("ip", "-o", "-4", "addr", "show", "dev", "eth0"); !strings.Contains(out, "172.20.0.248/16") || !strings.Contains(out, "eth0:0") {
		t.Errorf("addresses of director 1:\n%s", out)
	}
	url := "http://172.16.0.248" + index
	n.alternates(url, "rs151", "rs152")

	// A request a second, while the master is stopped and comes back.
	var mu sync.Mutex
	var said []string
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(time.Second)
		defer tick.Stop()
		for {
			got := page(client, url)
			mu.Lock()
			said = append(said, got)
			mu.Unlock()
			select {
			case <-tick.C:
			case <-stop:
				return
			}
		}
	}()
	more := func() {
		mu.Lock()
		had := len(said)
		mu.Unlock()
		lab.Until(t, limit, "three more pages", func() bool {
			mu.Lock()
			defer mu.Unlock()
			return len(said) >= had+3
		})
	}
	more()
	if status := daemons[0].Stop(); status != 0 {
		t.Errorf("director 1 ended with %d", status)
	}
	daemons[1].Wait("VI_1", lab.Master, limit)
	vip := netip.MustParseAddr("172.20.0.248")
	if directors[0].Has("eth0", vip) || !directors[1].Has("eth0", vip) {
		t.Error("the address has not moved")
	}
	more()
	daemons[0] = start(0)
	daemons[0].Wait("VI_1", lab.Master, limit)
	daemons[1].Wait("VI_1", lab.Backup, limit)
	more()
	close(stop)
	<-done
	for _, one := range said {
		if !slices.Contains([]string{"rs151", "rs152"}, one) {
			t.Errorf("one of %d requests, one a second: %s", len(said), one)
		}
	}

	// A server that stops is taken out, and mailed about; so is its return.
	sites[0].close(80)
	n.holds(directors[0], "without a server", both[:strings.Index(both, "\n")]+"\n-a -t 172.16.0.248:80 -r 172.20.0.152:80 -g -w 1")
	to := []string{"acassen@firewall.loc", "failover@firewall.loc", "sysadmin@firewall.loc"}
	n.mailed(mails, "Subject: [LVS_DEVEL] Realserver [172.20.0.151]:tcp:80 of virtual server [172.16.0.248]:tcp:80 - DOWN", "Alexandre.Cassen@firewall.loc", to...)
	n.stays(url, "rs152")
	sites[0].web(80, nil)
	n.holds(directors[0], "with it again", both)
	n.mailed(mails, "Realserver [172.20.0.151]:tcp:80 of virtual server [172.16.0.248]:tcp:80 - UP", "Alexandre.Cassen@firewall.loc", to...)
}
