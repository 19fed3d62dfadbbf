// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package notify

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/explain"
	"github.com/vigild/vigild/engine/notify/document"
	"github.com/vigild/vigild/test/sim"
)

var update = flag.Bool("update", false, "write the golden files")

// told are the transcripts of which the notifications are kept.
var told = []string{
	"start-failover-return", "priority-zero", "preempt", "script-fault", "script-weight", "sync-group-failover",
	"owner-at-once", "resume", "stop-order", "reload-remove", "lower-while-master",
}

// TestTranscripts renders what each router of a transcript tells: the line of
// a FIFO, the subject of a mail and the document of a webhook, from the same
// stream that metrics, SNMP and explanations are made of.
func TestTranscripts(t *testing.T) {
	for _, name := range told {
		t.Run(name, func(t *testing.T) {
			src, err := os.ReadFile(filepath.Join("..", "..", "test", "sim", "transcripts", name+".txt"))
			if err != nil {
				t.Fatal(err)
			}
			played, err := sim.Play(string(src))
			if err != nil {
				t.Fatal(err)
			}
			var b strings.Builder
			for i := range played.Hosts {
				fmt.Fprintf(&b, "==== router %s\n", played.Hosts[i].Name)
				tell(t, &b, played.Hosts[i].Name, played.Hosts[i].Events)
			}
			path := filepath.Join("testdata", "transcripts", name+".golden")
			if *update {
				if err := os.WriteFile(path, []byte(b.String()), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if b.String() != string(want) {
				t.Errorf("%s:\n%s\nwant\n%s", path, b.String(), want)
			}
		})
	}
}

// tell renders the notifications of one router.
func tell(t *testing.T, b *strings.Builder, router string, es []event.Event) {
	t.Helper()
	book := newBook(&Settings{})
	for i := range es {
		n, ok := book.read(&es[i])
		if !ok {
			continue
		}
		fmt.Fprintf(b, "fifo    %s\n", strings.TrimSuffix(n.line(), "\n"))
		if n.matter != aboutState {
			continue
		}
		fmt.Fprintf(b, "mail    %s\n", subject(&n, router))
		doc, err := json.Marshal(document.New(&es[i], router, explain.Sentence(&es[i])))
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(b, "webhook %s\n", doc)
	}
}
