// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package snmp

import (
	"flag"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/explain"
	"github.com/vigild/vigild/engine/ledger"
	"github.com/vigild/vigild/mib"
	"github.com/vigild/vigild/snmp/agentx"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// golden compares lines with a file of testdata.
func golden(t *testing.T, file string, lines []string) {
	t.Helper()
	got, path := strings.Join(lines, "\n")+"\n", "testdata/"+file
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(want) != got {
		for _, d := range differences(strings.Split(string(want), "\n"), strings.Split(got, "\n")) {
			t.Error(d)
		}
		t.Errorf("%s differs; -update rewrites it", path)
	}
}

var began = time.Date(2026, 11, 20, 8, 30, 15, 250_000_000, time.UTC).UnixNano()

// eventful is tracking with a story: a promotion with evidence, a split brain,
// a near miss, refused adverts, and channels.
func eventful() *ledger.View {
	v := tracking()
	in := v.Instances[1]
	peer := netip.MustParseAddr("192.0.2.12")
	at := event.Instant(100 * time.Second)
	last := event.Event{
		Epoch: 7, Seq: 9, At: at, Wall: began, Kind: event.VRRPState, Subject: in.Row.Subject,
		From: event.Backup, To: event.Master, Reason: event.MasterDownTimer, Priority: 255,
		Evidence: event.Evidence{
			N: 2, Peer: peer, PeerPriority: 254, Interval: 300 * time.Millisecond, MasterDown: 901 * time.Millisecond,
			Lateness: 120 * time.Microsecond, Stall: 2 * time.Millisecond,
		},
	}
	last.Evidence.Heard[0] = event.Heard{At: at.Add(-901 * time.Millisecond), Source: peer, Priority: 254, Interval: 300 * time.Millisecond}
	last.Evidence.Heard[1] = event.Heard{At: at.Add(-1201 * time.Millisecond), Source: netip.MustParseAddr("fe80::1%eth0"), Priority: 253}
	in.Last, in.Failover = last, 905*time.Millisecond
	in.Transitions = []uint64{1, 0, 2}
	in.NearMiss = event.Event{Kind: event.VRRPNearMiss, Wall: began - 1, Evidence: event.Evidence{Margin: 30 * time.Millisecond}}
	in.Conflict = event.Event{
		Epoch: 7, Seq: 10, Kind: event.VRRPConflict, Wall: began + int64(time.Second), Subject: in.Row.Subject, Reason: event.ConflictLower,
		To: event.Up, Evidence: event.Evidence{Peer: peer, PeerPriority: 254},
	}
	in.Conflicting = true
	in.Tally = event.Tally{
		Sent: 1 << 40, Received: 5, ZeroSent: 1, ZeroReceived: 2, SendErrors: 3, Conflicts: [3]uint64{4, 5, 6}, Missed: 7, NearMisses: 8,
		Margin: -time.Second, MasterDown: 2 * time.Hour, Master: "fe80::2%eth0", MasterPriority: 9,
	}
	in.Tally.Rejects[0], in.Tally.Rejects[3] = 1, 2
	in.Rejected = []ledger.Rejection{{Runs: 3, Last: event.Event{
		Kind: event.VRRPAdvertRejected, Reason: event.RejectTTL, Wall: began, Evidence: event.Evidence{Peer: peer, Want: "255", Got: "254"},
	}}}
	v.Channels = []*ledger.Channel{{
		Name: "smtp", Sent: 2, LastSent: event.Event{Wall: began}, LastFailed: event.Event{Wall: began, Reason: event.FailTLS},
		Failures: []ledger.ReasonCount{{Reason: event.FailTLS, Count: 4}, {Reason: event.FailTimeout, Count: 1}},
	}}
	v.Config = ledger.Config{LastOK: true, LastGood: began}
	v.Router = event.RouterTally{Checksum: 1, Version: 2, VRID: 3, Length: 4, LagMax: 3 * time.Millisecond, Stalls: 5, ClockSteps: 6, Dropped: 7, RealTime: true}
	v.Gaps, v.Discontinuities = 8, 9
	return v
}

func TestOurOwnTree(t *testing.T) {
	v := eventful()
	sentence := "." + mib.Vigil.OID("vigilInstanceText") + "."
	var lines []string
	for _, l := range walk(t, v, mib.VigilRoot) {
		if !strings.HasPrefix(l, sentence) {
			lines = append(lines, l)
		} else if want := sentence + `2 = STRING: "` + explain.Sentence(&v.Instances[1].Last) + `"`; l != want {
			t.Errorf("%s\nwant %s", l, want)
		}
	}
	golden(t, "vigil.golden", lines)
}

// cells are all variables of one view.
func cells(w view, v *ledger.View) (out []agentx.VarBind) {
	r := w.render(v)
	for i, o := range r.Objects() {
		for row := range r.Rows() {
			if value := r.Cell(i, row); value.Type() != 0 {
				out = append(out, agentx.VarBind{Name: o.Join(r.Index(row)), Value: value})
			}
		}
	}
	return out
}

// Every value has the type that its module promises, and the rows of every
// table that the Views fill are there.
func TestValuesHaveTheTypesOfTheModule(t *testing.T) {
	wires := map[mib.Wire]agentx.Type{
		mib.WireInteger: agentx.Integer, mib.WireUnsigned: agentx.Gauge32, mib.WireCounter64: agentx.Counter64, mib.WireCounter32: agentx.Counter32,
		mib.WireAddress: agentx.IPAddress, mib.WireTicks: agentx.TimeTicks, mib.WireOctets: agentx.OctetString,
	}
	empty := map[string]bool{}
	for _, w := range views() {
		for _, o := range w.served() {
			empty[o.mib.Name] = true
		}
		for _, v := range []*ledger.View{eventful(), families(), waiting(), steered(), pooled(), standards()} {
			for _, b := range cells(w, v) {
				for _, o := range w.served() {
					if !b.Name.HasPrefix(o.oid) {
						continue
					}
					delete(empty, o.mib.Name)
					if got := b.Value.Type(); got != wires[o.mib.Syntax.Wire()] {
						t.Errorf("%s is %s, the module says %s", o.mib.Name, got, o.mib.Syntax)
					}
					if n := len(b.Value.Str()); o.mib.Syntax == mib.DateAndTime && n != 11 || n > 255 {
						t.Errorf("%s has %d octets", o.mib.Name, n)
					}
				}
			}
		}
	}
	// What no View here has: BFD, files and processes of groups, some scripts.
	for name := range empty {
		if !strings.Contains(name, "Bfd") && !strings.Contains(name, "SyncTracked") && !strings.Contains(name, "Script") && !strings.Contains(name, "LvsSync") {
			t.Errorf("no row has %s", name)
		}
	}
}

// BFD sessions stand in the order of the configuration, with their own weights
// wherever they are followed. compat: keepalived 2.2.7 gives the same values.
func TestSessions(t *testing.T) {
	session := func(name string, index, weight int, reverse bool, now event.State) *ledger.Object {
		s := subject(event.SubjectBFD, name)
		return &ledger.Object{Subject: s, State: now, BFD: &ledger.BFD{Row: event.BFDRow{Subject: s, Index: index, Weight: weight, Reverse: reverse}}}
	}
	in := instance("V", "eth0", 1, 2, 100, event.Master)
	in.Tracks = []*event.TrackRow{track(event.SubjectBFD, "b2", 7, false)}
	v := &ledger.View{Instances: []*ledger.Instance{in}, Objects: []*ledger.Object{
		session("b2", 2, 4, true, event.Down), {Subject: subject(event.SubjectInterface, "eth9")}, session("b1", 1, -5, false, event.Up),
	}}
	var got []string
	for _, w := range []view{bfdView, trackViews[6]} {
		for _, b := range cells(w, v) {
			got = append(got, strings.TrimPrefix(b.Name.String(), mib.Keepalived+".2.")+" = "+b.Value.String())
		}
	}
	want := []string{
		"18.1.2.1 = OCTET STRING: \"b1\"", "18.1.2.2 = OCTET STRING: \"b2\"", "18.1.3.1 = INTEGER: 1", "18.1.3.2 = INTEGER: 0",
		"18.1.4.1 = INTEGER: -5", "18.1.4.2 = INTEGER: 4", "18.1.5.1 = INTEGER: 2", "18.1.5.2 = INTEGER: 1",
		"17.1.2.1.1 = OCTET STRING: \"b2\"", "17.1.3.1.1 = INTEGER: 4", "17.1.4.1.1 = INTEGER: 1",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// All that the modules let a manager read is served, and nothing else.
func TestEveryObjectIsServed(t *testing.T) {
	served := map[string]bool{}
	for _, w := range views() {
		for _, o := range w.served() {
			served[o.mib.Name] = true
		}
	}
	for _, m := range []*mib.Module{&mib.Compat, &mib.Vigil, &mib.VRRPv2, &mib.VRRPv3} {
		var all []mib.Object
		for _, g := range m.Groups {
			all = append(all, g.Objects...)
		}
		for _, tab := range m.Tables {
			all = append(all, tab.Columns...)
		}
		for _, o := range all {
			if o.Access.Readable() && !served[o.Name] {
				t.Errorf("%s is not served", o.Name)
			}
			delete(served, o.Name)
		}
	}
	if len(served) > 0 {
		t.Errorf("served without a module: %v", served)
	}
}

func TestATableThatIsNotTheModulesPanics(t *testing.T) {
	for name, bad := range map[string]func(){
		"no table": func() { newTable[string](&mib.Compat, "x", nil, nil) },
		"no group": func() { newScalars(&mib.Compat, "x", nil) },
		"a column missing": func() {
			newTable(&mib.Compat, "vrrpSyncGroupTable", groups, []groupColumn{{"vrrpSyncGroupName", nil}})
		},
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: accepted", name)
				}
			}()
			bad()
		}()
	}
}

func TestNothingIsKnownYet(t *testing.T) {
	for _, v := range []*ledger.View{nil, {}} {
		s, err := Build(v)
		if err != nil {
			t.Fatal(err)
		}
		if got := s.Get(agentx.MustParseOID(mib.Compat.OID("version")).Append(0)); got.Type() != agentx.OctetString {
			t.Errorf("version is %s", got)
		}
		if got := s.Get(agentx.MustParseOID(mib.Compat.OID("vrrpInstanceName")).Append(1)); got.Type() != agentx.NoSuchInstance {
			t.Errorf("the name of no instance is %s", got)
		}
	}
}

func TestValues(t *testing.T) {
	long := strings.Repeat("ä", 200)
	for _, c := range []struct {
		name string
		got  agentx.Value
		want string
	}{
		{"whole seconds", seconds(2900 * time.Millisecond), "Gauge32: 2"},
		{"below zero", micros(-time.Second), "Gauge32: 0"},
		{"above the range", micros(2 * time.Hour), "Gauge32: 4294967295"},
		{"text that fits", displayString("a"), `OCTET STRING: "a"`},
		{"text cut at a character", displayString(long), fmt.Sprintf("OCTET STRING: %q", long[:254])},
		{"never", dateAndTime(0), "invalid"},
		{"a mail server by name", mailServerType("mail.example.org"), "INTEGER: 16"},
		{"its name", mailServer("mail.example.org"), `OCTET STRING: "mail.example.org"`},
		{"IPv4 in IPv6", inet(netip.MustParseAddr("::ffff:192.0.2.1")), `OCTET STRING: "\xc0\x00\x02\x01"`},
		{"scope link", scope(253), "INTEGER: 2"},
		{"flush nothing", flushOnStop("no"), "INTEGER: 2"},
		{"flush the own servers", flushOnStop("VS"), "INTEGER: 3"},
		{"stopped", state(event.Stop), "INTEGER: 5"},
		{"removed", state(event.Deleted), "INTEGER: 6"},
		{"not a state of VRRP", state(event.Up), "INTEGER: 4"},
	} {
		if got := c.got.String(); got != c.want {
			t.Errorf("%s is %s, want %s", c.name, got, c.want)
		}
	}
}

// many is n instances with two addresses each.
func many(n int) *ledger.View {
	v := &ledger.View{Global: global("bench")}
	for i := range n {
		in := instance(fmt.Sprint("VI_", i), "eth0", uint8(i), 3, 100, event.Master)
		in.Last = eventful().Instances[1].Last
		own(in, "192.0.2.1/24", "192.0.2.2/24")
		v.Instances = append(v.Instances, in)
	}
	return v
}

func BenchmarkBuild250(b *testing.B) {
	v := many(250)
	for b.Loop() {
		s, err := Build(v)
		if err != nil {
			b.Fatal(err)
		}
		if s.Get(globalView.served()[0].oid.Append(0)).Type() == 0 {
			b.Fatal("no version")
		}
	}
}

// What the recorded walks do not have.
func TestWaysToCompareParameters(t *testing.T) {
	for word, want := range map[string]int32{"": 0, "exact": 1, "initial": 2, "partial": 3} {
		if got := paramMatch(word).Int32(); got != want {
			t.Errorf("%q is %d, want %d", word, got, want)
		}
	}
	for n, want := range map[int64]int32{-77: -77, 1 << 40: 1<<31 - 1, -1 << 40: -1 << 31} {
		if got := integer(n).Int32(); got != want {
			t.Errorf("%d is %d, want %d", n, got, want)
		}
	}
}
