// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package netns_test

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vigild/vigild/test/netns/lab"
)

// busConf is a message bus that lets everybody do everything.
const busConf = `<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-BUS Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>system</type>
  <listen>unix:path=%s</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow user="*"/><allow own="*"/><allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/>
  </policy>
</busconfig>
`

// busNodes are the objects of a daemon with an instance of each family, and those
// between them.
func busNodes() []string {
	out := []string{"/", "/org", "/org/keepalived", "/org/keepalived/Vrrp1", "/org/keepalived/Vrrp1/Vrrp", "/org/keepalived/Vrrp1/Instance"}
	for _, rest := range []string{"", "/1", "/1/IPv4", "/2", "/2/IPv6"} {
		out = append(out, "/org/keepalived/Vrrp1/Instance/eth0"+rest)
	}
	return append(out, "/nothing")
}

// busStory is what was seen of a daemon on the bus.
type busStory struct{ xml, answers, signals []string }

// TestSameDBus runs keepalived and vigild with enable_dbus beside a real
// dbus-daemon, and compares the introspection of every object, the answers to calls
// of every method and property, good and bad, and the signals of a life.
//
// compat: a reload of keepalived 2.2.7 takes the object of the daemon from the bus;
// vigild's stays.
func TestSameDBus(t *testing.T) {
	t.Parallel()
	var runs [2]busStory
	t.Run("runs", func(t *testing.T) {
		for k, kind := range []lab.Kind{lab.Keepalived, lab.Vigild} {
			t.Run(kind.String(), func(t *testing.T) {
				t.Parallel()
				runs[k] = busLife(t, kind)
			})
		}
	})
	if t.Failed() {
		return
	}
	for _, x := range []struct {
		what         string
		theirs, ours []string
		least        int
	}{
		{"introspection", runs[0].xml, runs[1].xml, 12}, {"answers", runs[0].answers, runs[1].answers, 20}, {"signals", runs[0].signals, runs[1].signals, 10},
	} {
		if !slices.Equal(x.theirs, x.ours) || len(x.theirs) < x.least {
			t.Errorf("%s of keepalived\n%s\nof vigild\n%s", x.what, strings.Join(x.theirs, "\n"), strings.Join(x.ours, "\n"))
		}
	}
	t.Logf("%d objects, %d answers, %d signals are the same", len(runs[0].xml), len(runs[0].answers), len(runs[0].signals))
}

var busComment = regexp.MustCompile(`<!-- GDBus [0-9.]+ -->\n`)

func busLife(t *testing.T, kind lab.Kind) (out busStory) {
	l := lab.New(t)
	r := l.Router("a", l.Wire())
	socket := filepath.Join(l.Dir(), "bus")
	address := "unix:path=" + socket
	r.Program("bus", "dbus-daemon", "--nofork", "--config-file="+l.File("bus.conf", fmt.Sprintf(busConf, socket), 0o644))
	lab.Until(t, 30*time.Second, "the bus answers", func() bool {
		c, err := net.Dial("unix", socket)
		if err == nil {
			c.Close()
		}
		return err == nil
	})
	// The role that is on the bus is not root's.
	if err := os.Chmod(l.Dir(), 0o755); err != nil {
		t.Fatal(err)
	}
	monitor := r.Program("monitor", "env", "DBUS_SYSTEM_BUS_ADDRESS="+address, "dbus-monitor", "--system", "type='signal',path_namespace='/org/keepalived'")
	lab.Until(t, 30*time.Second, "the monitor listens", func() bool { return strings.Contains(monitor.Said(), "NameLost") })
	instance := func(vrid int, addr string) string {
		return fmt.Sprintf("vrrp_instance VI-%d {\n    interface eth0\n    version 3\n    virtual_router_id %[1]d\n    priority 100\n    advert_int 0.3\n"+
			"    virtual_ipaddress {\n        %s\n    }\n}\n", vrid, addr)
	}
	conf := "global_defs {\n    enable_dbus\n}\n" + instance(1, "10.0.9.1/16") + instance(2, "fe80::9:1/64")
	d := r.Start(kind, conf, lab.Eager(), lab.Env("DBUS_SYSTEM_BUS_ADDRESS="+address))
	send := func(path string, words ...string) string {
		argv := []string{"env", "DBUS_SYSTEM_BUS_ADDRESS=" + address, "dbus-send", "--system", "--print-reply=literal", "--dest=org.keepalived.Vrrp1", path}
		text, _ := r.Try(append(argv, words...)...)
		return strings.Join(strings.Fields(busComment.ReplaceAllString(text, "")), " ")
	}
	d.Wait("VI-1", lab.Master, 30*time.Second)
	d.Wait("VI-2", lab.Master, 30*time.Second)
	// Each signal of a stage is waited for, so that no two stages mix.
	signals := 0
	stage := func(more int) {
		t.Helper()
		signals += more
		lab.Until(t, 30*time.Second, fmt.Sprintf("%d signals", signals), func() bool { return len(busSignals(monitor.Said())) >= signals })
	}
	stage(5)
	for _, path := range busNodes() {
		out.xml = append(out.xml, path+" "+busSorted(send(path, "org.freedesktop.DBus.Introspectable.Introspect")))
	}
	const get, own = "org.freedesktop.DBus.Properties.Get", "string:org.keepalived.Vrrp1.Instance"
	vi, vrrp := "/org/keepalived/Vrrp1/Instance/eth0/1/IPv4", "/org/keepalived/Vrrp1/Vrrp"
	for _, call := range [][]string{
		{vi, "org.freedesktop.DBus.Properties.GetAll", own},
		{vi, get, own, "string:Name"},
		{vi, get, own, "string:State"},
		{vi, get, own, "string:Nope"},
		{vi, get, "string:org.nope", "string:Name"},
		{vi, "org.freedesktop.DBus.Properties.GetAll", "string:org.nope"},
		{vi, "org.freedesktop.DBus.Properties.Set", own, "string:Name", "variant:string:x"},
		{vi, "org.freedesktop.DBus.Properties.Nope"},
		{vi, "org.keepalived.Vrrp1.Instance.SendGarp"},
		{vi, "org.keepalived.Vrrp1.Instance.SendGarp", "string:x"},
		{vi, "org.keepalived.Vrrp1.Instance.Nope"},
		{vi, "org.nope.Nope"},
		{vi, "org.freedesktop.DBus.Peer.Ping"},
		{vi, "org.freedesktop.DBus.Peer.GetMachineId"},
		{"/nothing", "org.freedesktop.DBus.Peer.Ping"},
		{"/nothing", "org.keepalived.Vrrp1.Vrrp.PrintData"},
		{vrrp, "org.keepalived.Vrrp1.Vrrp.PrintData"},
		{vrrp, "org.keepalived.Vrrp1.Vrrp.PrintStats"},
		{vrrp, "org.keepalived.Vrrp1.Vrrp.PrintStatsClear"},
		{vrrp, "org.freedesktop.DBus.Properties.GetAll", "string:org.keepalived.Vrrp1.Vrrp"},
		{vrrp, "org.keepalived.Vrrp1.Instance.SendGarp"},
	} {
		out.answers = append(out.answers, fmt.Sprintf("%s: %s", strings.Join(call, " "), send(call[0], call[1:]...)))
	}
	r.Cut(0)
	stage(2)
	out.answers = append(out.answers, "in trouble: "+send(vi, get, own, "string:State"))
	r.Mend(0)
	stage(4)
	send(vrrp, "org.keepalived.Vrrp1.Vrrp.ReloadConfig")
	stage(1)
	if status := d.Stop(); status != 0 {
		t.Errorf("%v ended with %d", kind, status)
	}
	stage(3)
	out.signals = busSignals(monitor.Said())
	return out
}

// busSorted sorts the children that an introspection names: their order means
// nothing.
func busSorted(xml string) string {
	parts := strings.Split(xml, "<node name=")
	if len(parts) > 2 {
		last := parts[len(parts)-1]
		name, rest, _ := strings.Cut(last, "/> ")
		parts[len(parts)-1] = name + "/> "
		slices.Sort(parts[1:])
		return strings.Join(parts, "<node name=") + rest
	}
	return xml
}

// busSignals are the signals of a daemon, in the order of each object: which object
// is first is chance.
func busSignals(said string) (out []string) {
	var last string
	for line := range strings.Lines(said) {
		switch {
		case strings.HasPrefix(line, "signal "):
			last = ""
			if _, rest, ok := strings.Cut(line, "path=/org/keepalived"); ok {
				path, rest, _ := strings.Cut(rest, ";")
				_, member, _ := strings.Cut(rest, "member=")
				last = path + " " + strings.TrimSpace(member)
				out = append(out, last)
			}
		case last != "" && strings.HasPrefix(line, "   uint32 "):
			out[len(out)-1] += strings.TrimRight(line[9:], "\n")
		}
	}
	slices.SortStableFunc(out, func(a, b string) int {
		x, _, _ := strings.Cut(a, " ")
		y, _, _ := strings.Cut(b, " ")
		return strings.Compare(x, y)
	})
	return out
}
