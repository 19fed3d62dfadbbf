// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package netns_test

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/vigild/vigild/test/netns/lab"
)

// TestMailSurvives takes a router through the troubles of mail: no mail server, a
// restart meanwhile, and a full disk under the spool. Every mail comes once and in
// order, what was not kept is told, and vigilctl says what became of each.
func TestMailSurvives(t *testing.T) {
	t.Parallel()
	l := lab.New(t)
	r := l.Router("a", l.Wire())
	spool := filepath.Join(l.Dir(), "spool")
	if err := os.Mkdir(spool, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{l.Dir(), spool} {
		if err := os.Chmod(dir, 0o777); err != nil { // the role that writes there is not root's
			t.Fatal(err)
		}
	}
	// An address where nobody listens yet.
	var closed net.Listener
	r.Do(func() (err error) {
		closed, err = net.Listen("tcp4", "127.0.0.1:0")
		return err
	})
	addr := closed.Addr().String()
	closed.Close()
	host, port, _ := net.SplitHostPort(addr)
	conf := fmt.Sprintf("global_defs {\n    smtp_server %s %s\n    smtp_helo_name lb1.example.org\n    smtp_alert on\n"+
		"    notification_email_from lb@example.org\n    notification_email {\n        ops@example.org\n    }\n}\n", host, port) +
		"vrrp_instance VI {\n    interface eth0\n    version 3\n    virtual_router_id 1\n    priority 100\n    advert_int 0.3\n    virtual_ipaddress {\n        10.0.9.1/16\n    }\n}\n"
	yaml := lab.YAML("smtp:\n  spool: " + spool + "\n")
	mails := func() (out []string) {
		list, err := filepath.Glob(filepath.Join(spool, "*.mail"))
		if err != nil {
			t.Fatal(err)
		}
		return list
	}

	d := r.Start(lab.Vigild, conf, yaml)
	d.Wait("VI", lab.Master, 30*time.Second)
	lab.Until(t, 30*time.Second, "two mails wait on the disk", func() bool { return len(mails()) == 2 })
	lab.Until(t, 30*time.Second, "the log says that nobody got them", func() bool {
		said := d.Ctl("notify", "log", "--failed")
		return strings.Contains(said, "failed (unreachable)") && strings.Contains(said, "VI went from INIT to BACKUP")
	})
	if status := d.Stop(); status != 0 {
		t.Errorf("it ended with %d", status)
	}
	if n := len(mails()); n != 3 {
		t.Errorf("%d mails wait after the end, not 3: %v", n, mails())
	}

	// The mail server comes, and so does the next process; the disk is full for it.
	p := &post{}
	r.Do(func() error {
		ln, err := net.Listen("tcp4", addr)
		if err != nil {
			return err
		}
		t.Cleanup(func() { ln.Close() })
		go p.accept(ln)
		return nil
	})
	d = r.Start(lab.Vigild, conf, yaml)
	d.Wait("VI", lab.Master, 30*time.Second)
	lab.Until(t, 60*time.Second, "old mails and new", func() bool { return len(p.taken()) >= 5 })
	lab.Until(t, 30*time.Second, "an empty spool", func() bool { return len(mails()) == 0 })
	var got []string
	for _, m := range p.taken() {
		for _, line := range m.lines {
			if _, subject, ok := strings.Cut(line, "Subject: [a] VRRP Instance VI - "); ok {
				got = append(got, strings.Trim(subject, `"`))
			}
		}
	}
	if want := "Entering BACKUP state,Entering MASTER state,Stopping,Entering BACKUP state,Entering MASTER state"; strings.Join(got, ",") != want {
		t.Errorf("mails in the order %q, not %q", got, want)
	}
	if said := d.Ctl("notify", "test", "smtp"); !strings.Contains(said, "smtp  delivered in") || len(p.taken()) != 6 {
		t.Errorf("the test says %q, and %d mails came", said, len(p.taken()))
	}

	d.Stop()
	if err := unix.Mount("tmpfs", spool, "tmpfs", 0, "size=64k,mode=0777"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(spool, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	if err := os.WriteFile(filepath.Join(spool, "ballast"), make([]byte, 1<<20), 0o600); err == nil {
		t.Fatal("the disk is not full")
	}
	before := len(p.taken())
	d = r.Start(lab.Vigild, conf, yaml)
	d.Wait("VI", lab.Master, 30*time.Second)
	lab.Until(t, 30*time.Second, "mail beside a full disk", func() bool { return len(p.taken()) == before+2 })
	lab.Until(t, 30*time.Second, "the full disk is told of", func() bool {
		return strings.Contains(d.Ctl("events", "--kind", "notify.failed"), "no space left on device")
	})
	d.Stop()
}
