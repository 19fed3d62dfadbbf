// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package log

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/vigild/vigild/engine/explain"
	"github.com/vigild/vigild/test/sim"
)

// logged are the transcripts of which the log is kept.
var logged = []string{
	"start-failover-return", "priority-zero", "preempt", "script-fault", "script-weight", "sync-group-failover",
	"rejects-v2", "resume", "stop-order", "address-gone",
}

// TestTranscripts renders what each router of a transcript says as the log
// shows it: the same stream that metrics, SNMP and explanations are made of.
func TestTranscripts(t *testing.T) {
	for _, name := range logged {
		t.Run(name, func(t *testing.T) {
			src, err := os.ReadFile(filepath.Join("..", "..", "test", "sim", "transcripts", name+".txt"))
			if err != nil {
				t.Fatal(err)
			}
			played, err := sim.Play(string(src))
			if err != nil {
				t.Fatal(err)
			}
			var b bytes.Buffer
			for i := range played.Hosts {
				h := &played.Hosts[i]
				for _, f := range []Format{Keepalived, JSON} {
					fmt.Fprintf(&b, "==== router %s, %s\n", h.Name, f)
					out := newFormatter(f, true)
					for k := range h.Events {
						e := &h.Events[k]
						b.Write(append(out.line(entryOf(e, explain.Sentence(e), 0)), '\n'))
					}
				}
			}
			golden(t, filepath.Join("transcripts", name+".golden"), b.Bytes())
		})
	}
}
