// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package vm_test

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/vigild/vigild/engine/sys/ipvs"
	"github.com/vigild/vigild/engine/sys/proc"
	"github.com/vigild/vigild/test/netns/lab"
)

// TestTimeouts sets them and has ipvsadm say them.
func TestTimeouts(t *testing.T) {
	d, c := director(t)
	for _, tc := range []struct {
		set  ipvs.Timeouts
		said string
	}{
		{ipvs.Timeouts{}, "900 120 300"},
		{ipvs.Timeouts{TCP: 7 * time.Second, TCPFin: 8 * time.Second, UDP: 9 * time.Second}, "7 8 9"},
		{ipvs.Timeouts{TCPFin: time.Hour}, "7 3600 9"},
		{ipvs.Timeouts{UDP: 1500 * time.Millisecond}, "7 3600 2"},
	} {
		if err := c.SetTimeouts(tc.set); err != nil {
			t.Error(err)
		}
		if got, want := strings.TrimSpace(d.Run("ipvsadm", "-L", "--timeout")), "Timeout (tcp tcpfin udp): "+tc.said; got != want {
			t.Errorf("after %+v ipvsadm says %q, not %q", tc.set, got, want)
		}
		got, err := c.Timeouts()
		if said := fmt.Sprint(got.TCP.Seconds(), got.TCPFin.Seconds(), got.UDP.Seconds()); err != nil || said != tc.said {
			t.Errorf("after %+v we read %s, %v", tc.set, said, err)
		}
	}
	if i, err := c.Info(); err != nil || i.Version != "1.2.1" || i.TableSize != 4096 {
		t.Errorf("info %+v, %v", i, err)
	}
}

// TestSyncDaemons starts and stops both, with all options and with none, and
// has ipvsadm say them; then the other way round.
func TestSyncDaemons(t *testing.T) {
	modprobe(t, "ip_vs")
	l := lab.New(t)
	d := l.Router("director", l.Wire())
	c := open(t, d)
	master := ipvs.SyncDaemon{
		Role: ipvs.SyncMaster, Interface: "eth0", ID: 51,
		MaxLen: 1400, Group: netip.MustParseAddr("224.0.0.99"), Port: 8849, TTL: 3,
	}
	backup := ipvs.SyncDaemon{Role: ipvs.SyncBackup, Interface: "eth0"}
	backup6 := ipvs.SyncDaemon{Role: ipvs.SyncBackup, Interface: "eth0", ID: 255, Group: netip.MustParseAddr("ff02::99")}
	full := func(d ipvs.SyncDaemon) ipvs.SyncDaemon {
		if !d.Group.IsValid() {
			d.Group = netip.MustParseAddr("224.0.0.81")
		}
		if d.MaxLen == 0 {
			d.MaxLen = 1472 // of an MTU of 1500, over IPv4
			if d.Group.Is6() {
				d.MaxLen = 1452
			}
		}
		if d.Port == 0 {
			d.Port, d.TTL = 8848, 1
		}
		return d
	}
	check := func(want ...ipvs.SyncDaemon) {
		t.Helper()
		got, err := c.SyncDaemons()
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("we read %+v, %v; want %+v", got, err, want)
		}
		var said []string
		for _, d := range want {
			said = append(said, fmt.Sprintf("%s sync daemon (mcast=%s, syncid=%d, maxlen=%d, group=%s, port=%d, ttl=%d)", d.Role, d.Interface, d.ID, d.MaxLen, d.Group, d.Port, d.TTL))
		}
		slices.Sort(said)
		if got := lines(d.Run("ipvsadm", "-L", "--daemon")); !slices.Equal(got, said) {
			t.Errorf("ipvsadm says %q, not %q", got, said)
		}
	}
	do := func(err error) {
		t.Helper()
		if err != nil {
			t.Error(err)
		}
	}
	check()
	do(c.StartSync(master))
	check(master)
	if err := c.StartSync(master); !errors.Is(err, unix.EEXIST) {
		t.Errorf("a second master: %v", err)
	}
	do(c.StartSync(backup))
	check(master, full(backup))
	do(c.StopSync(ipvs.SyncMaster))
	do(c.StopSync(ipvs.SyncMaster))
	check(full(backup))
	do(c.StopSync(ipvs.SyncBackup))
	do(c.StartSync(backup6))
	check(full(backup6))
	do(c.StopSync(ipvs.SyncBackup))
	check()
	if err := c.StartSync(ipvs.SyncDaemon{Role: ipvs.SyncMaster, Interface: "eth9"}); !errors.Is(err, unix.ENODEV) {
		t.Errorf("on an interface that is not there: %v", err)
	}
	d.Run("ipvsadm", "--start-daemon", "master", "--mcast-interface", "eth0", "--syncid", "9", "--mcast-port", "9000")
	check(full(ipvs.SyncDaemon{Role: ipvs.SyncMaster, Interface: "eth0", ID: 9, Port: 9000, TTL: 1}))
	// A mixed service and a sync daemon do not go together.
	web := ipvs.Service{Key: tcp("10.0.0.1:80"), Scheduler: "rr"}
	six := ipvs.Op{Verb: ipvs.AddDestination, Service: web, Destination: to("[2001:db8::1]:80", tunnel(ipvs.IPIP, 0, 0))}
	if errs := c.Apply([]ipvs.Op{{Verb: ipvs.AddService, Service: web}, six}); errs == nil || errs[0] != nil || !errors.Is(errs[1], unix.EINVAL) {
		t.Errorf("a mixed service: %v", errs)
	}
	do(c.StopSync(ipvs.SyncMaster))
	if errs := c.Apply([]ipvs.Op{six}); errs != nil {
		t.Errorf("a mixed service without sync daemons: %v", errs)
	}
	if err := c.StartSync(master); !errors.Is(err, unix.EINVAL) {
		t.Errorf("a sync daemon with a mixed service: %v", err)
	}
}

// TestNamespaces: each has a table of its own, and a connection stays where it
// was opened.
func TestNamespaces(t *testing.T) {
	modprobe(t, "ip_vs")
	l := lab.New(t)
	a, b := l.Router("a"), l.Router("b")
	ca, cb := open(t, a), open(t, b)
	if errs := ca.Apply([]ipvs.Op{{Verb: ipvs.AddService, Service: ipvs.Service{Key: tcp("10.0.0.1:80"), Scheduler: "rr"}}}); errs != nil {
		t.Fatal(errs)
	}
	ta, errA := ca.Table()
	tb, errB := cb.Table()
	if errA != nil || errB != nil || len(ta.Services) != 1 || len(tb.Services) != 0 {
		t.Errorf("%+v, %v; %+v, %v", ta, errA, tb, errB)
	}
	if got := lines(b.Run("ipvsadm", "-Sn")); len(got) != 0 {
		t.Errorf("in the other namespace: %q", got)
	}
	if _, err := ipvs.OpenIn(-1); !errors.Is(err, unix.EBADF) {
		t.Errorf("no namespace at all: %v", err)
	}
}

// TestUnavailable: a kernel without IPVS is told from one with an empty table.
// It is not parallel: nobody else may hold the module.
func TestUnavailable(t *testing.T) {
	modprobe(t, "ip_vs", "ip_vs_rr")
	before, err := ipvs.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer before.Close()
	if table, err := before.Table(); err != nil || len(table.Services) != 0 {
		t.Fatalf("an empty table: %+v, %v", table, err)
	}
	// The kernel would load the module again by itself.
	const loader = "/proc/sys/kernel/modprobe"
	path, err := os.ReadFile(loader)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(loader, []byte("/bin/false\n"), 0); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.WriteFile(loader, path, 0); err != nil {
			t.Error(err)
		}
		modprobe(t, "ip_vs")
	})
	list, err := os.ReadFile("/proc/modules")
	if err != nil {
		t.Fatal(err)
	}
	names := []string{"ip_vs"}
	for l := range strings.Lines(string(list)) {
		if name, _, _ := strings.Cut(l, " "); strings.HasPrefix(name, "ip_vs_") {
			names = slices.Insert(names, 0, name)
		}
	}
	if out, err := exec.Command("rmmod", names...).CombinedOutput(); err != nil {
		t.Fatalf("rmmod %v: %v: %s", names, err, out)
	}
	if c, err := ipvs.Open(); !errors.Is(err, ipvs.ErrUnavailable) || c != nil {
		t.Errorf("without the module: %v", err)
	}
	if table, err := before.Table(); !errors.Is(err, ipvs.ErrUnavailable) {
		t.Errorf("a connection of before: %+v, %v", table, err)
	}
	if err := proc.LoadModule(t.Context(), "ip_vs"); err == nil {
		t.Error("loaded by /bin/false")
	}
	if err := os.WriteFile(loader, path, 0); err != nil {
		t.Fatal(err)
	}
	if err := proc.LoadModule(t.Context(), "ip_vs"); err != nil {
		t.Error(err)
	}
	if err := os.WriteFile(loader, []byte("/bin/false\n"), 0); err != nil {
		t.Fatal(err)
	}
	after, err := ipvs.Open()
	if err != nil {
		t.Fatalf("after loading the module: %v", err)
	}
	if err := after.Close(); err != nil {
		t.Error(err)
	}
}

// table is many services with a hundred destinations each: as changes, and as
// ipvsadm -R takes them.
func table(services int) (ops []ipvs.Op, text string) {
	var b strings.Builder
	for s := range services {
		service := ipvs.Service{Key: tcp(fmt.Sprintf("10.0.0.%d:80", s)), Scheduler: "wlc"}
		ops = append(ops, ipvs.Op{Verb: ipvs.AddService, Service: service})
		fmt.Fprintf(&b, "-A -t %s:80 -s wlc\n", service.Addr)
		for d := range 100 {
			ops = append(ops, ipvs.Op{Verb: ipvs.AddDestination, Service: service, Destination: to(fmt.Sprintf("192.0.2.%d:80", d), nil)})
			fmt.Fprintf(&b, "-a -t %s:80 -r 192.0.2.%d:80 -m -w 1\n", service.Addr, d)
		}
	}
	return ops, b.String()
}

// TestTenThousand adds 10,000 destinations and reads them, beside ipvsadm with a
// fifth of the table in the same emulated machine.
func TestTenThousand(t *testing.T) {
	modprobe(t, "ip_vs", "ip_vs_wlc")
	l := lab.New(t)
	theirs, ours := l.Router("theirs"), l.Router("ours")
	ops, _ := table(100)
	_, text := table(20)
	file := l.File("table", text, 0o644)
	start := time.Now()
	theirs.Run("sh", "-c", "ipvsadm -R <"+file)
	other := 5 * time.Since(start)
	c := open(t, ours)
	start = time.Now()
	errs := c.Apply(ops)
	took := time.Since(start)
	if errs != nil {
		t.Fatal(errors.Join(errs...))
	}
	start = time.Now()
	got, err := c.Table()
	read := time.Since(start)
	n := 0
	for _, e := range got.Services {
		n += len(e.Destinations)
	}
	if err != nil || n != 10000 {
		t.Fatalf("read %d destinations: %v", n, err)
	}
	t.Logf("10,000 destinations, emulated: %v, read in %v; ipvsadm -R %v", took, read, other)
	// 6 to 17 times as long was measured; a busy machine may hold up either.
	if took > other {
		t.Errorf("it took %v, ipvsadm %v", took, other)
	}
}
