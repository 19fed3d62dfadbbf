// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package netns_test

import (
	"net"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/vigild/vigild/test/netns/lab"
)

// A service manager hears READY when the addresses are in good hands, RELOADING
// with its time and READY again around a reload, one that fails too, that the
// daemon lives, and STOPPING before its end.
func TestServiceManager(t *testing.T) {
	t.Parallel()
	l := lab.New(t)
	r := l.Router("a", l.Wire())
	path := filepath.Join(l.Dir(), "notify")
	c, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	const conf = "vrrp_instance VI_1 {\n    interface eth0\n    virtual_router_id 51\n    virtual_ipaddress { 10.77.0.1/24 }\n}\n"
	d := r.Start(lab.Vigild, conf, lab.Env("NOTIFY_SOCKET="+path, "WATCHDOG_USEC=2000000"))
	buf := make([]byte, 4096)
	// next reads what the daemon says until it says something that begins like
	// want, and returns that, with what else was said before it.
	next := func(want string) (text string, before []string) {
		t.Helper()
		if err := c.SetReadDeadline(time.Now().Add(90 * time.Second)); err != nil {
			t.Fatal(err)
		}
		for {
			n, err := c.Read(buf)
			if err != nil {
				t.Fatalf("waiting for %s: %v; so far %q", want, err, before)
			}
			if text = string(buf[:n]); strings.HasPrefix(text, want) {
				return text, before
			}
			before = append(before, text)
		}
	}
	alive := func(before []string) {
		t.Helper()
		for _, text := range before {
			if text != "WATCHDOG=1" && !strings.HasPrefix(text, "STATUS=") {
				t.Errorf("said %q in between", text)
			}
		}
	}
	_, before := next("READY=1")
	alive(before)
	lab.Until(t, 10*time.Second, "the log of what it is ready for", func() bool { return strings.Contains(d.Said(), "config.loaded") })
	next("WATCHDOG=1")

	for _, text := range []string{conf, "vrrp_instance VI_1 {\n    interface eth0\n}\n"} {
		d.Rewrite(text)
		said, before := next("RELOADING=1")
		alive(before)
		if !strings.Contains(said, "\nMONOTONIC_USEC=") {
			t.Errorf("said %q", said)
		}
		_, before = next("READY=1")
		alive(before)
	}
	lab.Until(t, 10*time.Second, "refusal of the last configuration", func() bool { return strings.Contains(d.Said(), "config.rejected") })
	d.Signal(syscall.SIGTERM)
	_, before = next("STOPPING=1")
	alive(before)
	lab.Until(t, 15*time.Second, "end", func() bool { _, ended := d.Ended(); return ended })
}

// The unit is one that systemd understands.
func TestUnitIsUnderstood(t *testing.T) {
	t.Parallel()
	root, err := lab.Root()
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("systemd-analyze", "verify", "--man=no", filepath.Join(root, "config/dist/vigild.service")).CombinedOutput()
	for line := range strings.Lines(string(out)) {
		// The program is not installed here; other units are not ours.
		if strings.Contains(line, "vigild.service") && !strings.Contains(line, "is not executable") {
			t.Errorf("systemd-analyze: %s", line)
		}
	}
	if err != nil && len(out) == 0 {
		t.Error(err)
	}
}
