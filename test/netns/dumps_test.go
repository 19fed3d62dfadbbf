// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package netns_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/vigild/vigild/test/netns/lab"
)

// Signals of keepalived that syscall has no names for: JSON and STATS_CLEAR.
const (
	sigJSON       = syscall.Signal(36)
	sigStatsClear = syscall.Signal(63)
)

// dumped is a configuration with what dumps show.
const dumped = `vrrp_script chk {
    script "/bin/true x"
    interval 2
    weight 10
}
vrrp_sync_group G {
    group {
        VI_1
        VI_6
    }
    notify "/bin/true group"
}
vrrp_instance VI_1 {
    state MASTER
    interface eth0
    virtual_router_id 51
    priority 150
    advert_int 1
    authentication {
        auth_type PASS
        auth_pass secret
    }
    virtual_ipaddress {
        10.77.0.100/24 brd 10.77.0.255
        10.77.0.101 scope link dev eth0 label eth0:x no_track
        10.77.0.103/24 home noprefixroute
    }
    virtual_ipaddress_excluded {
        10.77.0.200/32
    }
    virtual_routes {
        10.9.0.0/16 via 10.77.0.9 dev eth0
        src 10.77.0.100 to 10.7.0.0/16 via 10.77.0.9 dev eth0 metric 5
    }
    virtual_rules {
        from 10.9.0.0/16 table 100 preference 200
    }
    notify_master "/bin/true m"
    notify_backup "/bin/true b"
    notify_fault "/bin/true f"
    notify_stop "/bin/true s"
    notify_deleted "/bin/true d"
    notify_master_rx_lower_pri "/bin/true r"
    notify "/bin/true all"
    smtp_alert
}
vrrp_instance VI_6 {
    interface eth0
    virtual_router_id 61
    priority 100
    advert_int 1
    virtual_ipaddress {
        fe80::100
        2001:db8:77::100/64
    }
}
vrrp_instance VI_3 {
    interface eth0
    version 3
    virtual_router_id 33
    priority 100
    nopreempt
    promote_secondaries
    unicast_src_ip 10.0.0.%d
    unicast_peer {
        10.0.0.250
    }
    track_interface {
        lo weight 5
    }
    track_script {
        chk
    }
    virtual_ipaddress {
        10.77.0.33
    }
}
`

// dumpsOf starts a daemon, lets it become master, and returns its dumps by name.
func dumpsOf(t *testing.T, r *lab.Router, kind lab.Kind, host int) map[string][]byte {
	t.Helper()
	dir := t.TempDir()
	// The parts of the daemon write under their own accounts.
	if err := os.Chmod(dir, 0o777); err != nil { //nolint:gosec // a folder of the test
		t.Fatal(err)
	}
	d := r.Start(kind, fmt.Sprintf(dumped, host), lab.Env("TMPDIR="+dir))
	for _, name := range []string{"VI_1", "VI_6", "VI_3"} {
		d.Wait(name, lab.Master, 20*time.Second)
	}
	out := map[string][]byte{}
	for _, x := range []struct {
		sig  syscall.Signal
		name string
		want string
	}{
		{syscall.SIGUSR1, "keepalived_parent.data", "Router ID"},
		{syscall.SIGUSR1, "keepalived.data", "Name = eth0"},
		{sigJSON, "keepalived.json", "10.77.0.33"},
		{sigStatsClear, "keepalived.stats", "Became master: 1"},
	} {
		d.Signal(x.sig)
		lab.Until(t, 10*time.Second, x.name+" of "+kind.String(), func() bool {
			text, err := os.ReadFile(filepath.Join(dir, x.name))
			// keepalived writes in pieces: two looks must agree.
			whole := err == nil && bytes.Contains(text, []byte(x.want)) && bytes.Equal(text, out[x.name])
			out[x.name] = text
			return whole
		})
	}
	// The counters begin anew.
	d.Signal(syscall.SIGUSR2)
	lab.Until(t, 10*time.Second, "cleared counters of "+kind.String(), func() bool {
		text, err := os.ReadFile(filepath.Join(dir, "keepalived.stats"))
		return err == nil && bytes.Count(text, []byte("Became master: 0")) == 3
	})
	d.Stop()
	return out
}

// The dumps have the keys of keepalived's, at the same places.
func TestDumpsLikeKeepalived(t *testing.T) {
	t.Parallel()
	l := lab.New(t)
	w := l.Wire()
	theirs := dumpsOf(t, l.Router("a", w), lab.Keepalived, 1)
	ours := dumpsOf(t, l.Router("b", w), lab.Vigild, 2)
	compareJSON(t, ours["keepalived.json"], theirs["keepalived.json"])
	if got, want := keys(ours["keepalived.stats"]), keys(theirs["keepalived.stats"]); !slices.Equal(got, want) {
		t.Errorf("keepalived.stats has %q, keepalived's %q", got, want)
	}
	for _, name := range []string{"keepalived.data", "keepalived_parent.data"} {
		compareKeys(t, name, ours[name], theirs[name])
	}
}

// compareJSON wants the same keys in the same order, and the same values where
// they are not of the one life of a daemon.
func compareJSON(t *testing.T, ours, theirs []byte) {
	t.Helper()
	if got, want := keyOrder(t, ours), keyOrder(t, theirs); !slices.Equal(got, want) {
		t.Errorf("the keys are\n%q, keepalived's\n%q", got, want)
	}
	var o, k []struct{ Data, Stats map[string]any }
	if err := json.Unmarshal(ours, &o); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(theirs, &k); err != nil || len(k) != len(o) || len(k) == 0 {
		t.Fatalf("%d instances, keepalived has %d (%v)", len(o), len(k), err)
	}
	for i := range k {
		for key, want := range k[i].Data {
			switch key {
			case "last_transition", "auth_data": // a time; masked here
			default:
				if got := o[i].Data[key]; fmt.Sprint(got) != fmt.Sprint(want) {
					t.Errorf("%s of %s: %v, keepalived %v", key, k[i].Data["iname"], got, want)
				}
			}
		}
		for key, want := range k[i].Stats {
			if key != "advert_sent" && fmt.Sprint(o[i].Stats[key]) != fmt.Sprint(want) {
				t.Errorf("%s of %s: %v, keepalived %v", key, k[i].Data["iname"], o[i].Stats[key], want)
			}
		}
	}
}

// keyOrder is the keys of a JSON text as they stand.
func keyOrder(t *testing.T, text []byte) []string {
	t.Helper()
	var out []string
	d := json.NewDecoder(bytes.NewReader(text))
	var walk func()
	walk = func() {
		tok, err := d.Token()
		if err != nil {
			t.Fatal(err)
		}
		delim, nested := tok.(json.Delim)
		for nested && d.More() {
			if delim == '{' {
				key, err := d.Token()
				if err != nil {
					t.Fatal(err)
				}
				out = append(out, fmt.Sprint(key))
			}
			walk()
		}
		if nested {
			if _, err := d.Token(); err != nil {
				t.Fatal(err)
			}
		}
	}
	walk()
	return out
}

// keys are the words of a text dump that do not change, with their indentation.
func keys(text []byte) []string {
	var out []string
	for line := range strings.Lines(string(text)) {
		line = strings.TrimRight(line, "\n")
		for _, sep := range []string{" = ", ": ", " address "} {
			if key, _, found := strings.Cut(line, sep); found {
				line = key
			}
		}
		out = append(out, line)
	}
	return out
}

// absent are the keys of keepalived's data that have no counterpart here: the
// descriptors and pool of its sockets, what it remembers of interfaces, and what
// its libraries are.
var absent = []string{
	"fd_in", "libnftnl", "lvs_netlink", "SNMP socket", "DBus service name", "Default script uid:gid",
	"Script uid:gid",
}

// compareKeys wants every line of keepalived's dump by its key, in its order.
func compareKeys(t *testing.T, name string, ours, theirs []byte) {
	t.Helper()
	have := keys(ours)
	at, pool := 0, false
	for _, want := range keys(theirs) {
		if want == "------< VRRP Sockpool >------" {
			pool = true
		} else if strings.HasPrefix(want, "---") {
			pool = false
		}
		if pool || slices.ContainsFunc(absent, func(a string) bool { return strings.HasPrefix(strings.TrimSpace(want), strings.TrimSpace(a)) }) {
			continue
		}
		if strings.HasPrefix(want, " Name") {
			break // interfaces: those that are used, in an order of their own
		}
		i := slices.Index(have[at:], want)
		if i < 0 {
			t.Errorf("%s lacks %q (looked for behind %q)", name, want, have[max(at-1, 0)])
			continue
		}
		at += i + 1
	}
	if t.Failed() {
		t.Logf("ours:\n%s\nkeepalived's:\n%s", ours, theirs)
	}
}
