// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package event

import "testing"

func TestSeverity(t *testing.T) {
	for _, c := range []struct {
		e    Event
		want Severity
	}{
		{Event{Kind: VRRPState, From: Backup, To: Master}, Info},
		{Event{Kind: VRRPState, From: Backup, To: Fault}, Warn},
		{Event{Kind: GroupState, To: Fault}, Warn},
		{Event{Kind: VRRPConflict, To: Up, Reason: ConflictHigher}, Warn},
		{Event{Kind: VRRPConflict, Reason: ConflictLower}, Warn},
		{Event{Kind: VRRPConflict, To: Down}, Info},
		{Event{Kind: TrackChanged, To: Down}, Warn},
		{Event{Kind: TrackChanged, To: Up}, Info},
		{Event{Kind: AnnounceSent, Reason: AnnounceTransition}, Debug},
		{Event{Kind: AnnounceSent, Reason: FailKernel}, Warn},
		{Event{Kind: AddressAdded, Reason: FailKernel}, Warn},
		{Event{Kind: AddressAdded, Reason: MasterDownTimer}, Info},
		{Event{Kind: ExecDone, Reason: FailExit}, Warn},
		{Event{Kind: ExecDone}, Debug},
		{Event{Kind: VRRPAdvertRejected, Reason: RejectChecksum}, Debug},
		{Event{Kind: WorkerLost, Reason: FailCrash}, Error},
		{Event{Kind: ConfigRejected, Reason: FailInvalid}, Error},
	} {
		if got := c.e.Severity(); got != c.want {
			t.Errorf("%s to %s, reason %s: %s, want %s", c.e.Kind, c.e.To, c.e.Reason, got, c.want)
		}
	}
	for k := range len(kindWords) {
		for r := range len(reasonWords) {
			e := Event{Kind: Kind(k), Reason: Reason(r)}
			if got := e.Severity(); got > Error || e.Failed() && got < Warn {
				t.Errorf("%s, reason %s: %s", e.Kind, e.Reason, got)
			}
		}
	}
}
