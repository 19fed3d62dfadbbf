// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package parent

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/ipc"
)

func TestRunningNamesTheFile(t *testing.T) {
	play(t, func(s *stage) {
		_, observe := s.up()
		observe.link.Send(ipc.Frame{Type: ipc.Command, ID: 8, Name: CommandRunning})
		f := observe.want(ipc.Result)
		var about InForce
		if err := json.Unmarshal(f.Body, &about); err != nil || f.ID != 8 || f.Error != "" || about.Generation != 1 || !strings.HasPrefix(about.File, "/") {
			t.Fatalf("%+v, %v", f, err)
		}
	})
}

// TestWhoAskedIsTold: the event of a reload names who asked for it, that of
// the next one asks anew.
func TestWhoAskedIsTold(t *testing.T) {
	play(t, func(s *stage) {
		_, observe := s.up()
		s.nextErr = errors.New("line 1: no")
		body, err := json.Marshal(Asked{By: "uid 0, pid 7"})
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{"line 1: no, asked for by uid 0, pid 7", "line 1: no"} {
			observe.link.Send(ipc.Frame{Type: ipc.Command, ID: 9, Name: CommandReload, Body: body})
			if e := observe.events(1); e[0].Kind != event.ConfigRejected || e[0].Detail != want {
				t.Errorf("%v %q, want %q", e[0].Kind, e[0].Detail, want)
			}
			if f := observe.want(ipc.Result); f.Error != "line 1: no" {
				t.Errorf("answered %q", f.Error)
			}
			body = nil
		}
	})
}
