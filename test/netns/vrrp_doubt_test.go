// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package netns_test

import (
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/vigild/vigild/test/netns/lab"
)

// TestDoubt stops a BACKUP for longer than the master-down interval, once while
// its master goes on and once while that dies. What was received meanwhile is
// judged by when it came, so the first pause changes nothing; after the second
// the takeover is held for a moment, and told with the reason.
func TestDoubt(t *testing.T) {
	t.Parallel()
	l := lab.New(t)
	w := l.Wire()
	a, b := l.Router("a", w), l.Router("b", w)
	conf := func(priority int) string {
		return fmt.Sprintf(`
vrrp_instance VI_1 {
  interface eth0
  virtual_router_id 51
  version 3
  advert_int 0.2
  priority %d
  virtual_ipaddress {
    10.0.0.200/16
  }
}
`, priority)
	}
	heard := w.Capture()
	master := a.Start(lab.Vigild, conf(200))
	master.Wait("VI_1", lab.Master, starting)
	backup := b.Start(lab.Vigild, conf(100))
	backup.Wait("VI_1", lab.Backup, starting)
	metric := func(name string, labels ...string) float64 {
		m, err := backup.Metrics()
		if err != nil {
			t.Fatal(err)
		}
		n, _ := m.Sum(name, append(labels, `vrrp_instance="VI_1"`)...)
		return n
	}
	lab.Until(t, soon, "the backup hears its master", func() bool { return metric("vigil_vrrp_adverts_received_total") > 3 })
	signal := func(s syscall.Signal) {
		for _, pid := range backup.PIDs() {
			if err := syscall.Kill(pid, s); err != nil {
				t.Fatal(err)
			}
		}
	}
	const pause = 1500 * time.Millisecond // the master-down interval is 722 ms
	signal(syscall.SIGSTOP)
	until := time.Now().Add(pause)
	heard.Advert(heard.Len(), soon, "adverts while the backup stands still", func(*lab.Advert) bool { return time.Now().After(until) })
	signal(syscall.SIGCONT)
	before := metric("vigil_vrrp_adverts_received_total")
	lab.Until(t, soon, "the backup goes on listening", func() bool { return metric("vigil_vrrp_adverts_received_total") > before+5 })
	if n := metric("vigil_vrrp_promotions_total"); n != 0 {
		t.Errorf("a pause of its own made it MASTER %v times", n)
	}
	doubts := metric("vigil_vrrp_self_suspicions_total")

	signal(syscall.SIGSTOP)
	master.Kill()
	until = time.Now().Add(pause)
	lab.Until(t, soon, "the pause is over", func() bool { return time.Now().After(until) })
	signal(syscall.SIGCONT)
	backup.Wait("VI_1", lab.Master, soon)
	lab.Until(t, soon, "one doubt more is counted", func() bool { return metric("vigil_vrrp_self_suspicions_total") == doubts+1 })
	lab.Until(t, soon, "it says that the takeover was held", func() bool {
		return strings.Contains(backup.Ctl("why", "VI_1"), "The takeover was held for")
	})
}
