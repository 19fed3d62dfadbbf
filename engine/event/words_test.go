// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package event

import (
	"encoding"
	"encoding/json"
	"net/netip"
	"reflect"
	"testing"
)

// TestWords holds every closed list to itself: each value has a word of its own
// that reads back as the value, and the list ends where the values end.
func TestWords(t *testing.T) {
	check[Checker](t, checkerWords, CheckerCount)
	check[Phase](t, phaseWords, int(PhaseScript)+1)
	check[IPVSOp](t, ipvsOpWords, IPVSOpCount)
	check[Kind](t, kindWords, int(SettingChanged)+1)
	check[State](t, stateWords, int(Disabled)+1)
	check[Forward](t, forwardWords, int(ForwardTUN)+1)
	check[Tunnel](t, tunnelWords, int(TunnelGRE)+1)
	check[TunnelSum](t, tunnelSumWords, int(TunnelRemoteSum)+1)
	check[SubjectKind](t, subjectWords, int(SubjectRouter)+1)
	check[Role](t, roleWords, int(RoleBFD)+1)
	if len(keptWords) != KeptCount {
		t.Errorf("%d words for %d reasons to keep", len(keptWords), KeptCount)
	}
	if got := len(Checkers()); got != CheckerCount-1 {
		t.Errorf("%d checkers of %d", got, CheckerCount-1)
	}
}

func check[T ~uint8, P interface {
	*T
	encoding.TextUnmarshaler
}](t *testing.T, words []string, values int,
) {
	t.Helper()
	var zero T
	if len(words) != values {
		t.Errorf("%T: %d words for %d values", zero, len(words), values)
	}
	seen := map[string]bool{}
	for i, w := range words {
		var v T
		if err := P(&v).UnmarshalText([]byte(w)); err != nil || v != T(i) {
			t.Errorf("%T %d: word %q reads as %d, %v", zero, i, w, v, err)
		}
		if seen[w] {
			t.Errorf("%T: two values are called %q", zero, w)
		}
		seen[w] = true
	}
	var v T
	if P(&v).UnmarshalText([]byte("no such word")) == nil {
		t.Errorf("%T: any word will do", zero)
	}
}

// TestReasonWords holds the list of reasons to its values: the last one has the
// last word, and no two share one but the empty.
func TestReasonWords(t *testing.T) {
	if Reason(len(reasonWords)-1).String() != reasonWords[len(reasonWords)-1] || Sampled.String() != "sampled" {
		t.Errorf("the words are shifted: %v is %q", Sampled, Sampled.String())
	}
	seen := map[string]int{}
	for i, w := range reasonWords {
		if was, ok := seen[w]; ok && w != "" {
			t.Errorf("reasons %d and %d are both %q", was, i, w)
		}
		seen[w] = i
	}
	for w, r := range map[string]Reason{
		"resolve": FailResolve, "bfd_down": FailBFDDown, "recovered": Recovered, "weight": WeightChanged, "initial": Initial,
		"kernel": FailKernel, "crash": FailCrash, "restored": AnnounceRestore, "drift": Drift, "sync_daemon": SyncDaemon,
	} {
		if r.String() != w {
			t.Errorf("%q is %q", w, r)
		}
	}
}

func TestCheckFailures(t *testing.T) {
	list := CheckFailures()
	if len(list) != CheckFailureCount {
		t.Fatalf("%d of %d", len(list), CheckFailureCount)
	}
	for i, r := range list {
		if got, ok := r.CheckFailureIndex(); !ok || got != i || CheckFailureAt(i) != r {
			t.Errorf("%v is at %d, found at %d", r, i, got)
		}
		if e := (Event{Kind: CheckOutcome, Reason: r}); !e.Failed() || e.Severity() != Warn {
			t.Errorf("%v is no failure", r)
		}
	}
	for _, r := range []Reason{ReasonNone, Recovered, Slow, FailKernel, RejectTTL, checkEnd, ServerDown} {
		if _, ok := r.CheckFailureIndex(); ok {
			t.Errorf("%v is how a check fails", r)
		}
	}
	for _, r := range []Reason{Recovered, ServerDown, Drift, Initial, Sampled, AnnounceRestore} {
		if e := (Event{Kind: ServerState, To: Up, Reason: r}); e.Failed() {
			t.Errorf("%v is a failure", r)
		}
	}
}

func TestSubjectsOfServers(t *testing.T) {
	at := netip.MustParseAddrPort
	for _, c := range []struct {
		v            VirtualServer
		name, compat string
	}{
		{VirtualServer{Protocol: ProtocolTCP, Addr: at("10.0.0.1:80"), Family: 4}, "tcp/10.0.0.1:80", "[10.0.0.1]:tcp:80"},
		{VirtualServer{Protocol: ProtocolUDP, Addr: at("[2001:db8::1]:53")}, "udp/[2001:db8::1]:53", "[2001:db8::1]:udp:53"},
		{VirtualServer{Protocol: ProtocolSCTP, Addr: at("10.0.0.1:0")}, "sctp/10.0.0.1:0", "[10.0.0.1]:sctp:0"},
		{VirtualServer{Protocol: ProtocolTCP, Group: "WEB"}, "tcp/group:WEB", "[WEB]:0"},
		{VirtualServer{Mark: 5, Family: 4}, "fwmark:5", "FWM 5"},
		{VirtualServer{Mark: 5, Family: 6}, "fwmark:5/inet6", "FWM 5"},
	} {
		if got := c.v.Subject(); got != (Subject{Kind: SubjectVirtualServer, Name: c.name}) {
			t.Errorf("%v, want %s", got, c.name)
		}
		if got := c.v.CompatName(); got != c.compat {
			t.Errorf("keepalived calls it %s, not %s", c.compat, got)
		}
	}
	s := ServerSubject("tcp/10.0.0.1:80", at("[2001:db8::5]:80"), false)
	if s.Sub != "[2001:db8::5]:80" || s.Sorry() || s.Kind != SubjectRealServer {
		t.Error(s)
	}
	if s := ServerSubject("tcp/10.0.0.1:80", at("192.0.2.9:80"), true); s.Sub != "sorry/192.0.2.9:80" || !s.Sorry() {
		t.Error(s)
	}
	if got := CompatServerName(at("192.0.2.1:80"), ProtocolTCP); got != "[192.0.2.1]:tcp:80" {
		t.Error(got)
	}
}

// TestServiceRowsAsText sends rows through JSON and back.
func TestServiceRowsAsText(t *testing.T) {
	at := netip.MustParseAddrPort("192.0.2.1:80")
	for _, want := range []Row{
		{Service: &ServiceRow{
			Subject: Subject{Kind: SubjectVirtualServer, Name: "tcp/192.0.2.1:80"}, ID: 4, Index: 1,
			VirtualServer: VirtualServer{Protocol: ProtocolTCP, Addr: at, Family: 4},
			Entries:       []ServiceEntry{{Family: 4, First: at.Addr(), Last: at.Addr(), Port: 80}, {Family: 6, Mark: 9}},
			Scheduler:     "wlc", Method: Method{Forward: ForwardTUN, Tunnel: TunnelGUE, Port: 6080, Sum: TunnelRemoteSum}, State: Up,
		}},
		{Server: &ServerRow{
			Subject: ServerSubject("tcp/192.0.2.1:80", at, true), Addr: at, Sorry: true, State: Disabled,
			Checks: []CheckRow{{ID: 7, Checker: CheckerSMTP, Index: 1, Target: at}},
		}},
	} {
		b, err := json.Marshal(want)
		if err != nil {
			t.Fatal(err)
		}
		var got Row
		if err := json.Unmarshal(b, &got); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %v", b, err)
		}
	}
	b, err := json.Marshal(Event{Kind: ServerState, Evidence: Evidence{Check: CheckEvidence{Checker: CheckerDNS, Phase: PhaseQuery, Target: at}}})
	var e Event
	if err != nil || json.Unmarshal(b, &e) != nil || e.Evidence.Check.Target != at || e.Evidence.Check.Phase != PhaseQuery {
		t.Errorf("%s: %v, %+v", b, err, e.Evidence.Check)
	}
}

// What a virtual server is called can be read again.
func TestParseVirtualServer(t *testing.T) {
	for _, v := range []VirtualServer{
		{Protocol: ProtocolTCP, Addr: netip.MustParseAddrPort("10.0.0.1:80")},
		{Protocol: ProtocolUDP, Addr: netip.MustParseAddrPort("[2001:db8::1]:53")},
		{Protocol: ProtocolSCTP, Group: "a/b:c"},
		{Mark: 5, Family: 4},
		{Mark: 1<<32 - 1, Family: 6},
	} {
		if got, ok := ParseVirtualServer(v.Subject().Name); !ok || got != v {
			t.Errorf("%s is read as %+v, %v", v.Subject().Name, got, ok)
		}
	}
	for _, bad := range []string{"", "tcp", "tcp/", "xyz/10.0.0.1:80", "tcp/10.0.0.1", "fwmark:", "fwmark:x", "fwmark:4294967296", "fwmark:5/inet7"} {
		if v, ok := ParseVirtualServer(bad); ok {
			t.Errorf("%q is read as %+v", bad, v)
		}
	}
}
