// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package scenario_test

import (
	"bufio"
	"context"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/vigild/vigild/test/netns/lab"
)

// imported has vigilctl import turn the files of a guide into configurations, and
// returns what it tells and that of each director.
func (n *network) imported(kind, folder string, directors ...string) (told string, confs []string) {
	n.Helper()
	files, err := filepath.Glob("testdata/" + folder + "/*")
	if err != nil {
		n.Fatal(err)
	}
	wd, err := os.Getwd()
	if err != nil {
		n.Fatal(err)
	}
	args := []string{lab.Binary(n, "vigilctl"), "import", kind, "-o", n.Dir() + "/new"}
	for _, f := range files {
		args = append(args, filepath.Join(wd, f))
	}
	told = n.Client.Run(args...)
	for _, d := range directors {
		text, err := os.ReadFile(filepath.Join(n.Dir(), "new", d, "keepalived.conf"))
		if err != nil {
			n.Fatal(err)
		}
		confs = append(confs, string(text))
	}
	return told, confs
}

// TestPiranha plays the guide of Piranha, whose file vigilctl import reads: the
// table is the guide's, a server that stops is taken out with its reason and put
// back when it answers, and the backup takes over and announces the address by
// itself.
func TestPiranha(t *testing.T) {
	t.Parallel()
	n := newNetwork(t)
	_, confs := n.imported("piranha", "piranha", "10.6.1.210", "10.6.1.211")
	n.client("10.6.1.9/24")
	var sites []*site
	for i := range 2 {
		s := n.site(n.host(fmt.Sprintf("web%c", 'A'+i), fmt.Sprintf("10.6.1.%d/24", 212+i)), nil)
		s.realserver("10.6.1.214")
		s.web(80, nil)
		sites = append(sites, s)
	}
	heard := n.Outside.Capture()
	var directors []*lab.Router
	var daemons []*lab.Daemon
	for i := range 2 {
		d := n.director(fmt.Sprintf("lvs%d", i+1), fmt.Sprintf("10.6.1.%d/24", 210+i))
		directors = append(directors, d)
		daemons = append(daemons, d.Start(lab.Vigild, confs[i], lab.Whole()))
	}
	daemons[0].Wait("VI_eth0", lab.Master, limit)
	const service, a, b = "-A -t 10.6.1.214:80 -s wlc -p 600\n", "-a -t 10.6.1.214:80 -r 10.6.1.212:80 -g -w 1\n", "-a -t 10.6.1.214:80 -r 10.6.1.213:80 -g -w 1\n"
	n.holds(directors[0], "at first", service+a+b)
	out := directors[0].Run("ipvsadm", "-ln")
	for _, want := range []string{"TCP  10.6.1.214:80 wlc persistent 600", "-> 10.6.1.212:80                Route   1 ", "-> 10.6.1.213:80                Route   1 "} {
		if !strings.Contains(out, want) {
			t.Errorf("ipvsadm -ln does not say %q:\n%s", want, out)
		}
	}
	if out := directors[0].Run("ip", "-o", "-4", "addr", "show", "dev", "eth0"); !strings.Contains(out, "10.6.1.214/24") || !strings.Contains(out, "eth0:1") {
		t.Errorf("addresses of the primary:\n%s", out)
	}
	n.stays("http://10.6.1.214/", "web")

	sites[0].close(80)
	n.holds(directors[0], "without a server", service+b)
	if why := daemons[0].Ctl("why", "10.6.1.214:80", "10.6.1.212:80"); !strings.Contains(why, "refused") {
		t.Errorf("why the server is out:\n%s", why)
	}
	sites[0].web(80, nil)
	n.holds(directors[0], "with it again", service+a+b)

	vip := netip.MustParseAddr("10.6.1.214")
	before := heard.Len()
	daemons[0].Kill()
	// The power is off: nobody takes the address away, and nobody has it on a wire.
	directors[0].Cut(0)
	daemons[1].Wait("VI_eth0", lab.Master, limit)
	heard.Next(before, limit, "the backup announces the address", func(f *lab.Frame) bool {
		return f.Announced() == vip
	})
	n.holds(directors[1], "on the backup", service+a+b)
	n.says("from the backup", "http://10.6.1.214/", "web")
	directors[0].Mend(0)
	daemons[0] = directors[0].Start(lab.Vigild, confs[0], lab.Whole())
	daemons[0].Wait("VI_eth0", lab.Master, limit)
	daemons[1].Wait("VI_eth0", lab.Backup, limit)
	if directors[1].Has("eth0", vip) || !directors[0].Has("eth0", vip) {
		t.Error("the address is not back")
	}
}

// TestHeartbeatLdirectord plays the guide of heartbeat and ldirectord, whose files
// vigilctl import reads: the address, the services of both ldirectord files and of
// the rules, the text that a page must have, the server that stands in, and mail.
func TestHeartbeatLdirectord(t *testing.T) {
	t.Parallel()
	n := newNetwork(t)
	told, confs := n.imported("heartbeat", "heartbeat-ldirectord", "linuxha1", "linuxha2")
	for _, want := range []string{"serial /dev/ttyS0", "bcast eth1", "emailalertfreq", "autoreload"} {
		if !strings.Contains(told, want) {
			t.Errorf("nothing is told of %s:\n%s", want, told)
		}
	}
	client := n.client("192.168.7.9/24")
	const test, other = "This is the Test Page", "This is no longer the page"
	var sites []*site
	for i := range 2 {
		s := n.site(n.host(fmt.Sprintf("real%d", i+1), fmt.Sprintf("192.168.7.%d/24", 11+i)), map[string]string{"/index.html": test})
		s.realserver("192.168.7.110")
		s.web(80, nil)
		s.greet(25)
		s.greet(23)
		sites = append(sites, s)
	}
	var directors []*lab.Router
	var daemons []*lab.Daemon
	for i := range 2 {
		d := n.director(fmt.Sprintf("linuxha%d", i+1), fmt.Sprintf("192.168.7.%d/24", 1+i))
		directors = append(directors, d)
		daemons = append(daemons, d.Start(lab.Vigild, confs[i], lab.Whole()))
		n.site(d, nil).web(80, nil) // the server that stands in
	}
	mails := n.MailboxAt(directors[0], "127.0.0.1:25")
	const rest = `
-A -t 192.168.7.110:23 -s rr
-a -t 192.168.7.110:23 -r 192.168.7.11:23 -g -w 1
-a -t 192.168.7.110:23 -r 192.168.7.12:23 -g -w 1
-A -t 192.168.7.110:25 -s wlc -p 600
-a -t 192.168.7.110:25 -r 192.168.7.12:25 -g -w 1
`
	const first = "-a -t 192.168.7.110:25 -r 192.168.7.11:25 -g -w 1\n"
	const web, one, two = "-A -t 192.168.7.110:80 -s rr\n", "-a -t 192.168.7.110:80 -r 192.168.7.11:80 -g -w 1\n", "-a -t 192.168.7.110:80 -r 192.168.7.12:80 -g -w 1\n"
	daemons[0].Wait("VI_1", lab.Master, limit)
	n.holds(directors[0], "at first", web+one+two+rest+first)
	n.alternates("http://192.168.7.110/", "real1", "real2")
	for _, port := range []int{23, 25} {
		if got := greeted(client, fmt.Sprintf("192.168.7.110:%d", port)); !strings.HasPrefix(got, "220 real") {
			t.Errorf("port %d says %q", port, got)
		}
	}
	// Another text; the port of mail closed, whose failing server stays, without
	// new connections, and is mailed about.
	sites[0].pages = map[string]string{"/index.html": other}
	sites[0].close(80)
	sites[0].web(80, nil)
	sites[0].close(25)
	n.holds(directors[0], "without server 1", web+two+rest+"-a -t 192.168.7.110:25 -r 192.168.7.11:25 -g -w 0\n")
	n.mailed(mails, "Realserver [192.168.7.11]:tcp:25 of virtual server [192.168.7.110]:tcp:25 - DOWN", "admin@domain.com", "admin@domain.com")
	sites[1].close(80)
	n.holds(directors[0], "without any web server", web+"-a -t 192.168.7.110:80 -r 127.0.0.1:80 -g -w 1\n"+rest+"-a -t 192.168.7.110:25 -r 192.168.7.11:25 -g -w 0\n")
	n.says("without any web server", "http://192.168.7.110/", "linuxha1")
	sites[1].web(80, nil)
	sites[0].close(80)
	sites[0].pages = map[string]string{"/index.html": test}
	sites[0].web(80, nil)
	sites[0].greet(25)
	n.holds(directors[0], "with both again", web+one+two+rest+first)
	for _, mail := range mails.Mails() {
		if strings.Contains(mail, ":80") {
			t.Errorf("the web service has no emailalert, and yet:\n%s", mail)
		}
	}

	vip := netip.MustParseAddr("192.168.7.110")
	daemons[0].Kill()
	directors[0].Cut(0)
	daemons[1].Wait("VI_1", lab.Master, limit)
	n.holds(directors[1], "on the other director", web+one+two+rest+first)
	n.says("from the other director", "http://192.168.7.110/", "real")
	directors[0].Mend(0)
	daemons[0] = directors[0].Start(lab.Vigild, confs[0], lab.Whole())
	daemons[0].Wait("VI_1", lab.Master, limit)
	daemons[1].Wait("VI_1", lab.Backup, limit)
	if directors[1].Has("eth0", vip) || !directors[0].Has("eth0", vip) {
		t.Error("the address is not back")
	}
}

// greeted is the first line of who answers.
func greeted(r *lab.Router, at string) string {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	c, err := r.Dial(ctx, "tcp", at)
	if err != nil {
		return err.Error()
	}
	defer c.Close()
	line, err := bufio.NewReader(c).ReadString('\n')
	if err != nil {
		return err.Error()
	}
	return line
}
