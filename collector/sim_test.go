// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package collector

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/prometheus/common/expfmt"

	"github.com/vigild/vigild/engine/ledger"
	"github.com/vigild/vigild/test/sim"
)

// shown are the transcripts whose metrics are kept.
var shown = []string{"start-failover-return", "sync-group-failover", "rejects-v2", "near-miss", "script-weight", "lower-while-master", "resume", "two-masters", "claim", "late-but-rescued", "address-restore"}

// TestTranscriptsMeasured renders what each router of a transcript would show
// at its end, without what is still 0.
func TestTranscriptsMeasured(t *testing.T) {
	for _, name := range shown {
		src, err := os.ReadFile(filepath.Join("..", "test", "sim", "transcripts", name+".txt"))
		if err != nil {
			t.Fatal(err)
		}
		played, err := sim.Play(string(src))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		var b strings.Builder
		for i := range played.Hosts {
			h := &played.Hosts[i]
			l := ledger.New()
			l.Rows(h.Rows)
			epoch := uint64(0)
			for k := range h.Events {
				l.Apply(&h.Events[k])
				epoch = h.Events[k].Epoch
			}
			for k := range h.Tallies {
				l.Tally(epoch, &h.Tallies[k])
			}
			l.Router(epoch, &h.Router)
			fmt.Fprintf(&b, "==== router %s\n", h.Name)
			var now clock
			families := gather(t, collector(t, Options{Now: now.now}, &fixed{view: l.View()}))
			for line := range strings.SplitSeq(page(t, families, expfmt.NewFormat(expfmt.TypeTextPlain)), "\n") {
				// What this process is, and what is not yet something.
				if strings.HasPrefix(line, "vigil_") && !strings.HasSuffix(line, " 0") &&
					!strings.HasPrefix(line, "vigil_build") && !strings.HasPrefix(line, "vigil_collector") {
					fmt.Fprintln(&b, line)
				}
			}
		}
		golden(t, name+".golden", b.String())
	}
}
