// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package traffic_test

import (
	"encoding/pem"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vigild/vigild/test/netns/lab"
	"github.com/vigild/vigild/test/vm/farm"
)

// failing are servers, each with a manner of its own, and the reason for which
// its check fails; the reason of one that is well is empty.
var failing = []struct {
	name   string
	manner farm.Manner
	tls    string // the name in its certificate, empty for none
	old    bool   // the certificate has expired
	reason string
	or     string // another reason that is as right
}{
	{name: "well", manner: farm.Fine},
	{name: "refuses", manner: farm.Refuses, reason: "connect_refused"},
	{name: "dead", manner: farm.Deaf, reason: "connect_timeout"},
	{name: "resets", manner: farm.Resets, reason: "connection_closed"},
	{name: "hangs", manner: farm.Hangs, reason: "read_timeout"},
	{name: "closes", manner: farm.Closes, reason: "connection_closed"},
	{name: "wrong status", manner: farm.Wrong, reason: "http_status"},
	{name: "another page", manner: farm.Other, reason: "digest_mismatch"},
	{name: "garbage", manner: farm.Garbage, reason: "protocol"},
	{name: "endless", manner: farm.Endless, reason: "reply_too_long", or: "read_timeout"}, // as fast as the machine is
	{name: "late", manner: farm.Late, reason: "read_timeout"},
	{name: "well over TLS", manner: farm.Fine, tls: "www.example"},
	{name: "expired certificate", manner: farm.Fine, tls: "www.example", old: true, reason: "tls_certificate"},
	{name: "another name", manner: farm.Fine, tls: "elsewhere.example", reason: "tls_certificate"},
	{name: "garbage over TLS", manner: farm.Garbage, tls: "www.example", reason: "tls_handshake"},
}

// page is what a check asks for; the digest is that of farm.Body.
const page = "        url {\n            path /\n            digest 2670f929ce8c93af815ba0ae8fd591ff\n        }\n        connect_timeout 20\n        retry 0\n"

// each is a configuration with one service for each of the failing servers,
// which verifies certificates.
func each(ca string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "SSL {\n    ca %s\n}\n", ca)
	for i, c := range failing {
		check := "HTTP_GET {\n" + page
		if c.tls != "" {
			check = "SSL_GET {\n        virtualhost www.example\n        enable_sni\n        tls_verify\n" + page
		}
		fmt.Fprintf(&b, "virtual_server %s %d {\n    delay_loop 1\n    lvs_sched rr\n    lvs_method NAT\n    protocol TCP\n"+
			"    real_server 10.1.0.%d 8080 {\n        weight 1\n        %s        }\n    }\n}\n", farm.VIP, 8000+i, 11+i, check)
	}
	return b.String()
}

// TestReasons has servers fail in every way at once. Those that are well stay in
// the kernel's table and serve, all others leave it, and each is counted and
// explained for its own reason and for no other.
func TestReasons(t *testing.T) {
	t.Parallel()
	f := farm.New(t, 1, len(failing))
	d := f.Directors[0]
	f.Own(d)
	var ca []byte
	for i, c := range failing {
		s := f.Servers[i]
		if c.tls == "" {
			s.HTTP(8080)
			s.Behave(c.manner)
			continue
		}
		until := time.Now().Add(24 * time.Hour)
		if c.old {
			until = time.Now().Add(-time.Hour)
		}
		// Each signs itself, and is trusted: what is wrong is the time or the name.
		cert := farm.Certificate(t, c.tls, until)
		ca = append(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Certificate[0]})...)
		s.HTTPS(8080, cert)
		s.Behave(c.manner)
	}
	var want []string
	for i, c := range failing {
		want = append(want, fmt.Sprintf("-A -t %s:%d -s rr", farm.VIP, 8000+i))
		if c.reason == "" {
			want = append(want, fmt.Sprintf("-a -t %s:%d -r %v -m -w 1", farm.VIP, 8000+i, f.Servers[i].Inside(8080)))
		}
	}
	table := f.Record(d)
	daemon := d.Start(lab.Vigild, each(f.File("ca.pem", string(ca), 0o644)), lab.Whole())
	table.Wait(2*limit, "those that are well alone", want...)

	var m lab.Metrics
	lab.Until(t, limit, "failures on the page of metrics", func() bool {
		var err error
		if m, err = daemon.Metrics(); err != nil {
			return false
		}
		for i, c := range failing {
			n, _ := m.Sum("vigil_virtual_server_check_failures_total", fmt.Sprintf(`"tcp/%s:%d"`, farm.VIP, 8000+i))
			if c.reason != "" && n == 0 {
				return false
			}
		}
		return true
	})
	for i, c := range failing {
		vs, rs := fmt.Sprintf("tcp/%s:%d", farm.VIP, 8000+i), f.Servers[i].Inside(8080).String()
		counted := map[string]float64{}
		for _, line := range m {
			if name, rest, ok := strings.Cut(line, "{"); ok && name == "vigil_virtual_server_check_failures_total" && strings.Contains(rest, `"`+vs+`"`) {
				_, reason, _ := strings.Cut(rest, `reason="`)
				reason, _, _ = strings.Cut(reason, `"`)
				if n, _ := m.Sum(name, `"`+vs+`"`, `reason="`+reason+`"`); n > 0 {
					counted[reason] = n
				}
			}
		}
		if c.or != "" && counted[c.or] > 0 && counted[c.reason] == 0 {
			c.reason = c.or
		}
		why := daemon.Ctl("why", vs, rs)
		t.Logf("\n| %-19s | %-17s | counted %v | %s |", c.name, c.reason, counted, strings.Join(strings.Fields(strings.SplitN(why, "\n\n", 2)[0]), " "))
		switch {
		case c.reason == "" && len(counted) > 0:
			t.Errorf("%s: failures %v", c.name, counted)
		case c.reason == "" || len(counted) == 1 && counted[c.reason] > 0:
		default:
			t.Errorf("%s: failures %v, not of %s", c.name, counted, c.reason)
		}
		if c.reason != "" && !strings.Contains(why, c.reason) {
			t.Errorf("%s: why says nothing of %s:\n%s", c.name, c.reason, why)
		}
	}
	// All of them mend, and serve.
	fine := slices.Clone(want)
	for i, c := range failing {
		if c.manner == farm.Fine {
			continue
		}
		f.Servers[i].Behave(farm.Fine)
		fine = append(fine, fmt.Sprintf("-a -t %s:%d -r %v -m -w 1", farm.VIP, 8000+i, f.Servers[i].Inside(8080)))
	}
	table.Wait(2*limit, "all but those with bad certificates", fine...)
	for i, c := range failing {
		if c.tls != "" {
			continue
		}
		if name, err := f.Get(fmt.Sprintf("http://%s:%d/name", farm.VIP, 8000+i)); err != nil || name != f.Servers[i].Host {
			t.Errorf("%s, mended, answers %q, %v", c.name, name, err)
		}
	}
}
