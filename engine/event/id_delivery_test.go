// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package event

import "testing"

func TestDeliverySpansDiffer(t *testing.T) {
	root := Ref{Epoch: 7, Seq: 3}
	seen := map[SpanID]string{}
	note := func(what string, id SpanID) {
		if was, ok := seen[id]; ok {
			t.Errorf("%s and %s share span id %s", was, what, id)
		}
		seen[id] = what
	}
	note("root", root.Span("", 0))
	for _, about := range []Ref{root, {Epoch: 7, Seq: 4}, {Epoch: 8, Seq: 3}} {
		for _, s := range []Subject{
			{Kind: SubjectChannel, Name: "script", Sub: "notify"},
			{Kind: SubjectChannel, Name: "script", Sub: "notify_master"},
			{Kind: SubjectChannel, Name: "smtp"},
		} {
			for n := int64(1); n < 4; n++ {
				note(s.String(), root.DeliverySpan(about, s, n))
			}
		}
	}
	smtp := Subject{Kind: SubjectChannel, Name: "smtp"}
	if got, want := root.DeliverySpan(root, smtp, 2), root.Span("smtp", 2); got != want {
		t.Errorf("a delivery of the story itself has span %s, want Span(label, attempt) %s", got, want)
	}
}
