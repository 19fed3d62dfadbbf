// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package station

import (
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/vigild/vigild/test/netns/lab"
)

// starting is how long a program may take to get to work.
const starting = 30 * time.Second

// Station is a real snmpd beside a daemon, with a receiver of notifications.
type Station struct {
	*lab.Router
	// Socket is where the master agent listens.
	Socket string
	traps  *lab.Program
}

// New starts snmpd and snmptrapd on a router, with no configuration and no
// state of the machine's own, and returns when both listen: keepalived looks for
// a master agent that it did not find only every two minutes.
func New(t lab.T, l *lab.Lab, r *lab.Router) *Station {
	t.Helper()
	s := &Station{Router: r, Socket: filepath.Join(l.Dir(), r.Host+".agentx")}
	state := filepath.Join(l.Dir(), r.Host+".snmp")
	if err := os.MkdirAll(filepath.Join(state, "cert_indexes"), 0o700); err != nil {
		t.Fatalf("station: %v", err)
	}
	env := []string{"env", "SNMPCONFPATH=" + l.Dir(), "SNMP_PERSISTENT_DIR=" + state, "MIBS="}
	conf := l.File(r.Host+".snmpd.conf", "agentAddress udp:127.0.0.1:161\nmaster agentx\nagentXSocket "+s.Socket+"\nagentXPerms 0777 0777\n"+
		"rocommunity public 127.0.0.1\nrwcommunity private 127.0.0.1\ntrap2sink 127.0.0.1 public\n", 0o644)
	trapd := l.File(r.Host+".snmptrapd.conf", "disableAuthorization yes\n", 0o644)
	s.traps = r.Program(r.Host+"-snmptrapd", append(slices.Clone(env), "snmptrapd", "-f", "-C", "-c", trapd, "-On", "-Lo", "-F", `%v\n`, "udp:127.0.0.1:162")...)
	lab.Until(t, starting, "snmptrapd listens", func() bool { return strings.Contains(s.traps.Said(), "NET-SNMP version") })
	r.Program(r.Host+"-snmpd", append(slices.Clone(env), "snmpd", "-f", "-Lo", "-C", "-c", conf)...)
	lab.Until(t, starting, "snmpd listens", func() bool {
		conn, err := net.Dial("unix", s.Socket)
		if err == nil {
			conn.Close()
		}
		return err == nil
	})
	return s
}

// Flags lets a daemon serve all of its trees to the station.
func (s *Station) Flags() lab.Option { return lab.Flags("-x", "-A", s.Socket) }

// Ask runs a tool of net-snmp with a community and returns its lines, or what it
// complained of.
func (s *Station) Ask(tool, community string, args ...string) []string {
	argv := append([]string{"env", "SNMPCONFPATH=/nonexistent", "MIBS=", tool, "-v2c", "-c", community, "-On", "-t", "2", "-r", "2", "127.0.0.1"}, args...)
	out, err := s.Try(argv...)
	if err != nil {
		return []string{err.Error()}
	}
	return strings.Split(strings.TrimSuffix(out, "\n"), "\n")
}

// Walk is what a manager sees below a root, line by line.
func (s *Station) Walk(root string) []string { return s.Ask("snmpbulkwalk", "public", "."+root) }

// Traps are the notifications that have arrived, one line each: their variables,
// with tabs between them.
func (s *Station) Traps() (out []string) {
	for text := range strings.Lines(s.traps.Said()) {
		if text = strings.TrimSuffix(text, "\n"); strings.HasPrefix(text, ".1.3.6.1.2.1.1.3.0") {
			out = append(out, text)
		}
	}
	return out
}

// Diff is the lines that one of two lists lacks.
func Diff(want, got []string) string {
	var out strings.Builder
	for _, l := range want {
		if !slices.Contains(got, l) {
			out.WriteString("\nkeepalived " + l)
		}
	}
	for _, l := range got {
		if !slices.Contains(want, l) {
			out.WriteString("\nvigild     " + l)
		}
	}
	return out.String()
}
