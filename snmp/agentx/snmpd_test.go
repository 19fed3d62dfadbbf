// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package agentx

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/gosnmp/gosnmp"
)

// These tests need Debian's snmpd and snmptrapd; a missing one is a failure.

var testRoot = MustParseOID("1.3.6.1.4.1.9586.100.5.99")

// daemon is a child process of a test.
type daemon struct {
	cmd  *exec.Cmd
	out  *bytes.Buffer
	done chan struct{}
}

func startDaemon(t *testing.T, name string, args ...string) *daemon {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		path = "/usr/sbin/" + name
	}
	d := &daemon{cmd: exec.Command(path, args...), out: &bytes.Buffer{}, done: make(chan struct{})}
	d.cmd.Stdout, d.cmd.Stderr = d.out, d.out
	// No configuration and no state of the machine's own.
	d.cmd.Env = append(os.Environ(), "SNMPCONFPATH="+t.TempDir(), "SNMP_PERSISTENT_DIR="+t.TempDir(), "MIBS=")
	if err := d.cmd.Start(); err != nil {
		t.Fatalf("start %s: %v", name, err)
	}
	go func() {
		d.cmd.Wait() //nolint:errcheck // killed on purpose
		close(d.done)
	}()
	t.Cleanup(d.kill)
	return d
}

func (d *daemon) kill() {
	d.cmd.Process.Kill() //nolint:errcheck // it may have ended
	<-d.done
}

// master is a real snmpd with its own configuration.
type master struct {
	dir, socket, conf string
	port, tcpPort     uint16
	d                 *daemon
}

// freePort returns a UDP and TCP port of 127.0.0.1 that nobody uses now.
func freePort(t *testing.T) uint16 {
	t.Helper()
	for range 50 {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		port := l.Addr().(*net.TCPAddr).Port
		p, err := net.ListenPacket("udp", fmt.Sprintf("127.0.0.1:%d", port))
		l.Close()
		if err == nil {
			p.Close()
			return uint16(port)
		}
	}
	t.Fatal("no free port")
	return 0
}

func newMaster(t *testing.T, extra string) *master {
	t.Helper()
	dir, err := os.MkdirTemp("", "agentx") //nolint:usetesting // the path of a socket has 107 bytes at most
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	m := &master{dir: dir, socket: filepath.Join(dir, "master"), conf: filepath.Join(dir, "snmpd.conf"), port: freePort(t), tcpPort: freePort(t)}
	conf := fmt.Sprintf("agentAddress udp:127.0.0.1:%d\nmaster agentx\nagentXSocket %s,tcp:127.0.0.1:%d\n"+
		"rocommunity public 127.0.0.1\nrwcommunity private 127.0.0.1\n%s", m.port, m.socket, m.tcpPort, extra)
	if err := os.WriteFile(m.conf, []byte(conf), 0o600); err != nil {
		t.Fatal(err)
	}
	m.start(t)
	return m
}

func (m *master) start(t *testing.T) {
	t.Helper()
	m.d = startDaemon(t, "snmpd", "-f", "-Lo", "-C", "-c", m.conf)
}

func (m *master) client(t testing.TB, community string) *gosnmp.GoSNMP {
	t.Helper()
	g := &gosnmp.GoSNMP{
		Target: "127.0.0.1", Port: m.port, Version: gosnmp.Version2c, Community: community,
		Timeout: 500 * time.Millisecond, Retries: 2, MaxOids: 60, MaxRepetitions: 50,
	}
	if err := g.Connect(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { g.Conn.Close() })
	return g
}

// table returns a Snapshot of n Counter64 rows, all with the same value.
func table(t testing.TB, n int, value uint64) *Snapshot {
	t.Helper()
	column := testRoot.Append(1, 1, 2)
	rows := make([]VarBind, 0, n+2)
	for i := range n {
		rows = append(rows, VarBind{column.Append(uint32(i + 1)), Count64(value)})
	}
	scalar := testRoot.Append(2)
	rows = append(rows, VarBind{scalar.Append(0), Text("hello")})
	s, err := NewSnapshot(rows, []OID{column, scalar})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// subagent runs a Client for the length of the test.
func subagent(t testing.TB, cfg Config) *Client {
	t.Helper()
	if cfg.ID.IsZero() {
		cfg.ID, cfg.Descr = testRoot, "agentx test"
	}
	cfg.Backoff = Backoff{Min: 20 * time.Millisecond, Max: 100 * time.Millisecond, Jitter: 0.5}
	if cfg.Registrations == nil {
		cfg.Registrations = []Registration{{Subtree: testRoot}}
	}
	c, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	go c.Run(t.Context()) //nolint:errcheck // ends with Close
	t.Cleanup(c.Close)
	return c
}

func dialUnix(m *master) func(context.Context) (net.Conn, error) {
	dial, err := Dialer("unix:" + m.socket)
	if err != nil {
		panic(err)
	}
	return dial
}

// eventually polls for a condition of the real world.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(10 * time.Second); !ok(); <-tick.C {
		if time.Now().After(end) {
			t.Fatalf("never happened: %s", what)
		}
	}
}

func registered(c *Client, n int) func() bool {
	return func() bool { return c.Stats().Registered == n }
}

func TestSnmpdGet(t *testing.T) {
	for _, endian := range []bool{false, true} {
		for _, network := range []string{"unix", "tcp"} {
			t.Run(fmt.Sprintf("%s little=%v", network, endian), func(t *testing.T) {
				t.Parallel()
				m := newMaster(t, "")
				dial := dialUnix(m)
				if network == "tcp" {
					var err error
					if dial, err = Dialer(fmt.Sprintf("tcp:127.0.0.1:%d", m.tcpPort)); err != nil {
						t.Fatal(err)
					}
				}
				snap := table(t, 10, 1<<40)
				c := subagent(t, Config{Dial: dial, LittleEndian: endian, Handler: HandlerFunc(func(string) *Snapshot { return snap })})
				eventually(t, "registered", registered(c, 1))
				testGet(t, m.client(t, "public"))
			})
		}
	}
}

// testGet asks for two variables that are there and two that are not in one GET.
func testGet(t *testing.T, g *gosnmp.GoSNMP) {
	t.Helper()
	r := testRoot.String()
	res, err := g.Get([]string{r + ".2.0", r + ".1.1.2.7", r + ".1.1.2.99", r + ".3.0"})
	if err != nil {
		t.Fatal(err)
	}
	if len(res.Variables) != 4 || res.Error != gosnmp.NoError {
		t.Fatalf("answer %+v", res)
	}
	if v := res.Variables[0]; v.Type != gosnmp.OctetString || string(v.Value.([]byte)) != "hello" {
		t.Errorf("scalar: %+v", v)
	}
	if v := res.Variables[1]; v.Type != gosnmp.Counter64 || v.Value != uint64(1<<40) {
		t.Errorf("row: %+v", v)
	}
	if v := res.Variables[2]; v.Type != gosnmp.NoSuchInstance {
		t.Errorf("missing row: %+v", v)
	}
	if v := res.Variables[3]; v.Type != gosnmp.NoSuchObject {
		t.Errorf("missing object: %+v", v)
	}
}

func TestSnmpdParallelWalks(t *testing.T) {
	t.Parallel()
	const rows, walkers = 1000, 8
	m := newMaster(t, "")
	snap := table(t, rows, 9)
	c := subagent(t, Config{Dial: dialUnix(m), Handler: HandlerFunc(func(string) *Snapshot { return snap })})
	eventually(t, "registered", registered(c, 1))
	var wg sync.WaitGroup
	for i := range walkers {
		g := m.client(t, "public")
		g.Timeout = 5 * time.Second
		wg.Go(func() {
			walk := g.BulkWalkAll
			if i%2 == 0 {
				walk = g.WalkAll
			}
			got, err := walk(testRoot.Append(1).String())
			if err != nil || len(got) != rows {
				t.Errorf("walker %d: %d rows, %v", i, len(got), err)
				return
			}
		})
	}
	wg.Wait()
	if s := c.Stats(); s.VarBinds < rows*walkers || s.Malformed+s.Disconnects+s.Stray > 0 {
		t.Errorf("stats %+v", s)
	}
}

func TestSnmpdWalkSeesOneSnapshot(t *testing.T) {
	t.Parallel()
	const rows, pause = 1000, 500
	m := newMaster(t, "")
	var value uint64 // every snapshot asked for has another
	c := subagent(t, Config{Dial: dialUnix(m), Handler: HandlerFunc(func(string) *Snapshot {
		value++
		return table(t, rows, value)
	})})
	eventually(t, "registered", registered(c, 1))
	walk := func(at func(n int)) []uint64 {
		var got []uint64
		err := m.client(t, "public").BulkWalk(testRoot.Append(1).String(), func(v gosnmp.SnmpPDU) error {
			got = append(got, v.Value.(uint64))
			at(len(got))
			return nil
		})
		if err != nil || len(got) != rows {
			t.Fatalf("%d rows, %v", len(got), err)
		}
		return got
	}
	// While the outer walk stands still, another overtakes it.
	var inner []uint64
	outer := walk(func(n int) {
		if n == pause {
			inner = walk(func(int) {})
		}
	})
	for i := range rows {
		if outer[i] != outer[0] || inner[i] != inner[0] {
			t.Fatalf("row %d: outer %d (first %d), inner %d (first %d)", i, outer[i], outer[0], inner[i], inner[0])
		}
	}
	if inner[0] <= outer[0] {
		t.Errorf("the walk that began later saw %d, the earlier one %d", inner[0], outer[0])
	}
}

func TestSnmpdSet(t *testing.T) {
	t.Parallel()
	m := newMaster(t, "")
	snap := table(t, 1, 1)
	h := &memory{refuse: "bad"}
	ro := testRoot.Append(8)
	c := subagent(t, Config{Dial: dialUnix(m), Handler: HandlerFunc(func(string) *Snapshot { return snap })})
	rw := subagent(t, Config{Dial: dialUnix(m), Set: h, Registrations: []Registration{{Subtree: ro}}, Handler: h})
	eventually(t, "registered", func() bool { return registered(c, 1)() && registered(rw, 1)() })
	g := m.client(t, "private")
	set := func(name OID, value string) *gosnmp.SnmpPacket {
		t.Helper()
		res, err := g.Set([]gosnmp.SnmpPDU{{Name: name.String(), Type: gosnmp.OctetString, Value: value}})
		if err != nil {
			t.Fatal(err)
		}
		return res
	}
	if res := set(testRoot.Append(2, 0), "x"); res.Error != gosnmp.NotWritable || res.ErrorIndex != 1 {
		t.Errorf("without SetHandler: %v at %d", res.Error, res.ErrorIndex)
	}
	if res := set(ro.Append(1, 0), "bad"); res.Error != gosnmp.WrongValue {
		t.Errorf("refused value: %v", res.Error)
	}
	if res := set(ro.Append(1, 0), "good"); res.Error != gosnmp.NoError {
		t.Errorf("good value: %v", res.Error)
	}
	res, err := g.Get([]string{ro.Append(1, 0).String()})
	if err != nil || string(res.Variables[0].Value.([]byte)) != "good" {
		t.Errorf("after SET: %+v, %v", res, err)
	}
	// Two subagents in one SET: the one that refuses keeps the other from acting.
	two, err := g.Set([]gosnmp.SnmpPDU{
		{Name: ro.Append(1, 0).String(), Type: gosnmp.OctetString, Value: "other"},
		{Name: testRoot.Append(2, 0).String(), Type: gosnmp.OctetString, Value: "x"},
	})
	if err != nil || two.Error == gosnmp.NoError {
		t.Errorf("half refused SET: %+v, %v", two, err)
	}
	if got := h.Snapshot("").Get(ro.Append(1, 0)); got != Text("good") {
		t.Errorf("after the half refused SET: %s", got)
	}
	eventually(t, "cleaned up", func() bool { return h.balanced() })
}

func TestSnmpdContexts(t *testing.T) {
	t.Parallel()
	m := newMaster(t, "com2sec -Cn blue bluesec 127.0.0.1 bluecom\ngroup bluegrp v2c bluesec\n"+
		"view everything included .1\naccess bluegrp blue any noauth exact everything none none\n")
	snaps := map[string]*Snapshot{"": table(t, 3, 1), "blue": table(t, 3, 2)}
	c := subagent(t, Config{
		Dial: dialUnix(m), Handler: HandlerFunc(func(name string) *Snapshot { return snaps[name] }),
		Registrations: []Registration{{Subtree: testRoot}, {Subtree: testRoot, Context: "blue"}},
	})
	eventually(t, "registered", registered(c, 2))
	for community, want := range map[string]uint64{"public": 1, "bluecom": 2} {
		got, err := m.client(t, community).BulkWalkAll(testRoot.Append(1).String())
		if err != nil || len(got) != 3 || got[0].Value != want {
			t.Errorf("community %s: %v, %v", community, got, err)
		}
	}
}

func TestSnmpdTrap(t *testing.T) {
	t.Parallel()
	trapPort := freePort(t)
	conf := filepath.Join(t.TempDir(), "snmptrapd.conf")
	if err := os.WriteFile(conf, []byte("disableAuthorization yes\nformat2 trap %B %v\\n\nformat1 trap %B %v\\n\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "traps")
	startDaemon(t, "snmptrapd", "-f", "-C", "-c", conf, "-On", "-Lf", file, fmt.Sprintf("udp:127.0.0.1:%d", trapPort))
	m := newMaster(t, fmt.Sprintf("trap2sink 127.0.0.1:%d public\n", trapPort))
	snap := table(t, 1, 1)
	c := subagent(t, Config{Dial: dialUnix(m), Handler: HandlerFunc(func(string) *Snapshot { return snap })})
	const n = 300
	var mu sync.Mutex
	var failed []error
	for i := range n {
		err := c.Notify(Notification{
			Trap:     testRoot.Append(0, 1),
			VarBinds: []VarBind{{testRoot.Append(2, 0), Text(fmt.Sprintf("event-%d-", i))}},
			Done: func(err error) {
				mu.Lock()
				defer mu.Unlock()
				if err != nil {
					failed = append(failed, err)
				}
			},
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := c.Flush(ctx); err != nil {
		t.Fatal(err)
	}
	if s := c.Stats(); s.NotifySent != n || s.NotifyDropped != 0 || s.NotifyQueued != 0 {
		t.Errorf("stats %+v", s)
	}
	mu.Lock()
	if len(failed) > 0 {
		t.Errorf("%d not delivered, first: %v", len(failed), failed[0])
	}
	mu.Unlock()
	last := fmt.Appendf(nil, "event-%d-", n-1)
	var got []byte
	eventually(t, "last trap in snmptrapd", func() bool {
		got, _ = os.ReadFile(file)
		return bytes.Contains(got, last)
	})
	at := -1
	for i := range n {
		next := bytes.Index(got, fmt.Appendf(nil, "event-%d-", i))
		if next <= at {
			t.Fatalf("trap %d missing or out of order", i)
		}
		at = next
	}
	if want := []byte(".1.3.6.1.6.3.1.1.4.1.0 = OID: ." + testRoot.Append(0, 1).String()); !bytes.Contains(got, want) {
		t.Errorf("no %s in %.500s", want, got)
	}
}

func TestSnmpdKilledMidWalk(t *testing.T) {
	t.Parallel()
	m := newMaster(t, "")
	snap := table(t, 5000, 7)
	c := subagent(t, Config{Dial: dialUnix(m), Handler: HandlerFunc(func(string) *Snapshot { return snap })})
	const rounds = 4
	for round := range rounds {
		eventually(t, "registered", registered(c, 1))
		before := c.Stats().VarBinds
		g := m.client(t, "public")
		g.Timeout, g.Retries = 200*time.Millisecond, 0
		walked := make(chan error, 1)
		go func() {
			_, err := g.BulkWalkAll(testRoot.String())
			walked <- err
		}()
		eventually(t, "walk under way", func() bool { return c.Stats().VarBinds > before+50 })
		m.d.kill()
		if err := <-walked; err == nil {
			t.Logf("round %d: the walk was faster than the kill", round)
		}
		m.start(t)
	}
	eventually(t, "registered", registered(c, 1))
	got, err := m.client(t, "public").BulkWalkAll(testRoot.String())
	if err != nil || len(got) != 5001 {
		t.Errorf("walk after recovery: %d rows, %v", len(got), err)
	}
	if s := c.Stats(); s.Disconnects != rounds || s.Connects != rounds+1 {
		t.Errorf("stats %+v", s)
	}
}

func TestSnmpdRuntimeClaims(t *testing.T) {
	t.Parallel()
	m := newMaster(t, "")
	snap := table(t, 3, 5)
	caps := AgentCaps{ID: testRoot.Append(77), Descr: "vigil test caps"}
	c := subagent(t, Config{Dial: dialUnix(m), Caps: []AgentCaps{caps}, Handler: HandlerFunc(func(string) *Snapshot { return snap })})
	eventually(t, "registered", registered(c, 1))
	g := m.client(t, "public")
	hasCaps := func() bool {
		rows, err := g.BulkWalkAll("1.3.6.1.2.1.1.9.1.3") // sysORDescr
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range rows {
			if string(v.Value.([]byte)) == caps.Descr {
				return true
			}
		}
		return false
	}
	if !hasCaps() {
		t.Error("sysORTable lacks our capabilities")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	if err := c.RemoveCaps(ctx, caps); err != nil || hasCaps() {
		t.Errorf("remove caps: %v, still there: %v", err, hasCaps())
	}
	index := VarBind{testRoot.Append(1, 1, 1), Int(0)}
	first, err := c.AllocateIndex(ctx, "", FlagAnyIndex, []VarBind{index})
	if err != nil || len(first) != 1 || first[0].Value.Type() != Integer {
		t.Fatalf("allocate any index: %v, %v", first, err)
	}
	other := subagent(t, Config{Dial: dialUnix(m), Handler: HandlerFunc(func(string) *Snapshot { return snap }), Registrations: []Registration{}})
	eventually(t, "connected", func() bool { return other.Stats().Connected })
	if _, err := other.AllocateIndex(ctx, "", 0, first); err == nil {
		t.Error("an index held by another session was allocated")
	}
	if err := c.DeallocateIndex(ctx, "", first); err != nil {
		t.Errorf("deallocate: %v", err)
	}
	if _, err := other.AllocateIndex(ctx, "", 0, first); err != nil {
		t.Errorf("allocate a freed index: %v", err)
	}
	reg := Registration{Subtree: testRoot}
	if err := c.Unregister(ctx, reg); err != nil {
		t.Errorf("unregister: %v", err)
	}
	if res, err := g.Get([]string{testRoot.Append(2, 0).String()}); err != nil || res.Variables[0].Type == gosnmp.OctetString {
		t.Errorf("after unregister: %+v, %v", res, err)
	}
	if err := c.Register(ctx, reg); err != nil {
		t.Errorf("register again: %v", err)
	}
	if res, err := g.Get([]string{testRoot.Append(2, 0).String()}); err != nil || res.Variables[0].Type != gosnmp.OctetString {
		t.Errorf("after register: %+v, %v", res, err)
	}
}
