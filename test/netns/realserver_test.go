// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package netns_test

import (
	"errors"
	"net/netip"
	"os/exec"
	"strings"
	"testing"

	"github.com/vigild/vigild/test/netns/lab"
)

// TestRealserver makes a host a real server and back: it takes packets for the
// virtual addresses, nobody hears of it by ARP or ND, and all is undone.
func TestRealserver(t *testing.T) {
	t.Parallel()
	l := lab.New(t)
	w := l.Wire()
	server, client := l.Router("server", w), l.Router("client", w)
	ctl, file := lab.Binary(t, "vigilctl"), l.Dir()+"/realserver.json"
	run := func(args ...string) (string, int) {
		out, err := server.Try(append([]string{ctl, "realserver", "--state", file}, args...)...)
		if err == nil {
			return out, 0
		}
		return out, statusOf(err)
	}
	settings := []string{"all/arp_ignore", "all/arp_announce", "lo/arp_ignore", "lo/arp_announce"}
	state := func() string {
		out := server.Run("ip", "-o", "addr", "show", "dev", "lo")
		for _, s := range settings {
			out += s + "=" + server.Run("cat", "/proc/sys/net/ipv4/conf/"+s)
		}
		return out
	}
	server.Run("sh", "-c", "echo 1 >/proc/sys/net/ipv4/conf/all/arp_announce")
	server.IP("addr add 10.0.9.3/32 dev lo")
	before := state()

	vips := []string{"10.0.9.1", "10.0.9.2", "10.0.9.3", "2001:db8::9:1"}
	if out, status := run("status"); status != 3 || !strings.Contains(out, "Not started.") {
		t.Errorf("status before: %d, %s", status, out)
	}
	for range 2 {
		if out, status := run(append([]string{"start"}, vips...)...); status != 0 {
			t.Fatalf("start: %d, %s", status, out)
		}
	}
	out, status := run(append([]string{"status"}, vips...)...)
	for _, want := range []string{"10.0.9.1 ", "10.0.9.3                 on lo, but not by start", "ipv4/all/arp_announce    2 (was 1)", "ipv4/all/arp_ignore      1 (was 0)"} {
		if status != 0 || !strings.Contains(out, want) {
			t.Errorf("status %d without %q:\n%s", status, want, out)
		}
	}
	// Nobody is told where the addresses are, who knows it gets an answer.
	ping := func(to string) error {
		_, err := client.Try("ping", "-n", "-c", "1", "-W", "1", to)
		return err
	}
	for _, vip := range []string{"10.0.9.1", "2001:db8::9:1"} {
		if err := ping(vip); err == nil {
			t.Errorf("%s is answered for", vip)
		}
		client.IP("neigh replace " + vip + " lladdr " + mac(t, server) + " dev eth0")
		if err := ping(vip); err != nil {
			t.Errorf("%s: %v", vip, err)
		}
	}

	// A change of somebody else stays, and is told.
	server.Run("sh", "-c", "echo 0 >/proc/sys/net/ipv4/conf/lo/arp_announce")
	if out, status := run("status"); status != 1 || !strings.Contains(out, "ipv4/lo/arp_announce     0 (was 0)  answers ARP") {
		t.Errorf("status after a change: %d, %s", status, out)
	}
	if out, status := run("stop", "10.0.9.1"); status != 0 || server.Has("lo", netip.MustParseAddr("10.0.9.1")) || !server.Has("lo", netip.MustParseAddr("10.0.9.2")) {
		t.Errorf("stop of one: %d, %s", status, out)
	}
	for range 2 {
		if out, status := run("stop"); status != 0 {
			t.Errorf("stop: %d, %s", status, out)
		}
	}
	if after := state(); after != before {
		t.Errorf("after stop\n%s\nbefore start\n%s", after, before)
	}

	// Killed in the middle of it, as early as it gets, stop undoes what was done.
	for _, after := range []string{"0.001", "0.005", "0.02"} {
		_, _ = server.Try(append([]string{"timeout", "-s", "KILL", after, ctl, "realserver", "--state", file, "start"}, vips...)...)
		if out, status := run("stop"); status != 0 || state() != before {
			t.Errorf("killed after %s s: stop %d, %s, then\n%s", after, status, out, state())
		}
	}
}

// statusOf is the exit status of a program that failed.
func statusOf(err error) int {
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return exit.ExitCode()
	}
	return -1
}

func mac(t *testing.T, r *lab.Router) string {
	t.Helper()
	return strings.TrimSpace(r.Run("cat", "/sys/class/net/eth0/address"))
}
