// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package snmp

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/ledger"
	"github.com/vigild/vigild/mib"
	"github.com/vigild/vigild/snmp/agentx"
	"github.com/vigild/vigild/test/sim"
)

// shorten makes lines readable: K and V are the roots of the two trees.
var shorten = strings.NewReplacer("."+mib.Keepalived+".", "K.", "."+mib.VigilRoot+".1.", "V.", "OID: ", "", " = ", "=")

// Sentences are explain's, and identities move with every event that is added
// before; other tests hold them.
var (
	aside     = []string{"vigilInstanceText", "vigilInstanceEventId", "vigilInstanceConflictEventId"}
	asideTrap = []agentx.OID{trapText, trapEventID}
)

// trapLine renders a notification.
func trapLine(b *book, v *ledger.View, e *event.Event) (string, bool) {
	n, ok := b.read(v, e)
	if !ok {
		return "", false
	}
	parts := []string{"." + n.Trap.String()}
	for _, vb := range n.VarBinds {
		if !slices.Contains(asideTrap, vb.Name) {
			parts = append(parts, strings.TrimSuffix(line(vb), " "))
		}
	}
	return "trap " + shorten.Replace(strings.Join(parts, " ")), true
}

// seen is what a manager got of a router: its notifications, and a walk at the end.
func seen(t *testing.T, h *sim.Host) []string {
	t.Helper()
	l, b := ledger.New(), newBook(true)
	l.Rows(h.Rows)
	out := []string{"router " + h.Name}
	for i := range h.Events {
		l.Apply(&h.Events[i])
		v := *l.View()
		v.Global.Traps = true // a transcript has no word for enable_traps
		b.learn(&v)
		if text, ok := trapLine(b, &v, &h.Events[i]); ok {
			out = append(out, text)
		}
	}
	var epoch uint64
	for i := range h.Events {
		epoch = h.Events[i].Epoch
	}
	for i := range h.Tallies {
		l.Tally(epoch, &h.Tallies[i])
	}
	l.Router(epoch, &h.Router)
	v := l.View()
	for _, root := range []string{mib.Keepalived, mib.VigilRoot} {
		for _, text := range walk(t, v, root) {
			if !slices.ContainsFunc(aside, func(name string) bool { return strings.HasPrefix(text, "."+mib.Vigil.OID(name)+".") }) {
				out = append(out, strings.TrimSuffix(shorten.Replace(text), " "))
			}
		}
	}
	return out
}

// The transcripts of test/sim as a manager sees them: the same stories that the
// other exits render.
func TestTranscripts(t *testing.T) {
	for _, name := range []string{
		"start-failover-return", "priority-zero", "lower-while-master", "near-miss", "reject-runs", "sync-group-failover", "interface-down", "script-weight", "owner-at-once",
	} {
		t.Run(name, func(t *testing.T) {
			src, err := os.ReadFile("../test/sim/transcripts/" + name + ".txt")
			if err != nil {
				t.Fatal(err)
			}
			r, err := sim.Play(string(src))
			if err != nil {
				t.Fatal(err)
			}
			var lines []string
			for i := range r.Hosts {
				lines = append(lines, seen(t, &r.Hosts[i])...)
			}
			golden(t, "transcripts/"+name+".golden", lines)
		})
	}
}
