// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package snmp

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/ledger"
	"github.com/vigild/vigild/mib"
	"github.com/vigild/vigild/snmp/agentx"
)

// numbered is a View in which every instance is called by the number of the
// moment.
func numbered(n int) *ledger.View {
	v := asked(waiting())
	v.Global.RouterID = fmt.Sprint("moment ", n)
	v.Instances = nil
	for i := range 20 {
		in := instance(fmt.Sprintf("%d-%d", n, i), "eth0", uint8(i+1), 3, 100, event.Master)
		v.Instances = append(v.Instances, in)
	}
	return v
}

// A master agent that is killed a hundred times, while a manager walks and
// instances move: each time it comes back it serves what is true then, no walk
// shows two moments, and every notification is told to have arrived, and did.
func TestSnmpdIsKilledAHundredTimes(t *testing.T) {
	t.Parallel()
	const times = 100
	s := newStation(t)
	src := &source{view: numbered(0)}
	var out outcomes
	a := s.serving(src, out.publish)

	stop := make(chan struct{})
	var walked atomic.Int64
	var wg sync.WaitGroup
	wg.Go(func() {
		column := "." + mib.Compat.OID("vrrpInstanceName")
		for {
			select {
			case <-stop:
				return
			default:
			}
			// One that meets the end of its master goes on with the next one, if at all.
			moment, rows, session := "", 0, a.Stats().Session.Connects
			var moments []string
			for _, l := range s.ask("snmpbulkwalk", "public", column) {
				name, found := strings.CutPrefix(l, column+".")
				if !found {
					continue
				}
				_, text, _ := strings.Cut(name, `STRING: "`)
				now, _, _ := strings.Cut(text, "-")
				if now != moment {
					moments = append(moments, now)
				}
				moment, rows = now, rows+1
			}
			if a.Stats().Session.Connects != session || rows != 20 {
				continue
			}
			if walked.Add(1); len(moments) != 1 {
				t.Errorf("a walk shows the moments %v", moments)
			}
		}
	})
	router := agentx.MustParseOID(mib.Compat.OID("routerId")).Append(0)
	for n := 1; n <= times; n++ {
		end(s.snmpd)
		v := numbered(n)
		src.set(v)
		a.Events(v, []event.Event{moved(uint64(n), fmt.Sprintf("%d-%d", n, n%20), event.Backup, event.Master, event.MasterDownTimer)})
		s.start()
		want := fmt.Sprintf(`.%s = STRING: "moment %d"`, router, n)
		eventually(t, fmt.Sprintf("moment %d is served", n), func() bool {
			return a.Stats().Session.Registered > 0 && s.ask("snmpget", "public", "."+router.String())[0] == want
		})
	}
	eventually(t, "a whole walk", func() bool { return walked.Load() > 0 })
	close(stop)
	wg.Wait()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if err := a.Flush(ctx); err != nil {
		t.Fatal(err)
	}
	eventually(t, "every notification has an outcome", func() bool { return len(out.words()) >= times })
	for i, w := range out.words() {
		if w != "notify.sent snmp_trap" {
			t.Errorf("outcome %d is %s", i, w)
		}
	}
	eventually(t, "every notification has arrived", func() bool {
		text, _ := os.ReadFile(s.file("traps")) //nolint:errcheck // it comes with the first trap
		for n := 1; n <= times; n++ {
			if !strings.Contains(string(text), fmt.Sprintf(`STRING: "%d-%d"`, n, n%20)) {
				return false
			}
		}
		return true
	})
	if st := a.Stats().Session; st.Connects < times {
		t.Errorf("%d sessions", st.Connects)
	}
}
