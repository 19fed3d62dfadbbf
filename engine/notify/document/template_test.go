// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package document

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/vigild/vigild/engine/event"
)

func sample(kind event.Kind, subject event.Subject, from, to event.State) *Document {
	e := event.Event{Epoch: 9, Seq: 7, Kind: kind, Subject: subject, From: from, To: to, Reason: event.MasterDownTimer, Wall: 1700000000123456789}
	return New(&e, "lb1", "it <b>went</b> & \"so\"")
}

var vi1 = event.Subject{Kind: event.SubjectInstance, Name: "VI_1", Family: 4, VRID: 51}

func render(t *testing.T, name string, d *Document, into any) {
	t.Helper()
	p, err := Parse(name, "")
	if err != nil {
		t.Fatal(err)
	}
	text, err := p.Render(d)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, into); err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
}

// alert is what POST /api/v2/alerts takes.
type alert struct {
	Labels, Annotations map[string]string
	StartsAt, EndsAt    time.Time
}

// What is wrong fires until it is right again, under the same labels; a failover
// ends by itself.
func TestAlertmanager(t *testing.T) {
	web := event.Subject{Kind: event.SubjectRealServer, Name: "tcp/10.0.0.1:80", Sub: "192.0.2.1:80"}
	for _, c := range []struct {
		name  string
		d, d2 *Document
		alert string
		more  int
	}{
		{"instance", sample(event.VRRPState, vi1, event.Backup, event.Fault), sample(event.VRRPState, vi1, event.Fault, event.Backup), "VigilInstanceFault", 0},
		{"server", sample(event.ServerState, web, event.Up, event.Down), sample(event.ServerState, web, event.Down, event.Up), "VigilServerDown", 0},
		{"failover", sample(event.VRRPState, vi1, event.Up, event.Fault), sample(event.VRRPState, vi1, event.Backup, event.Master), "VigilInstanceFault", 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			var begin, end []alert
			render(t, "alertmanager-v2", c.d, &begin)
			render(t, "alertmanager-v2", c.d2, &end)
			if len(begin) != 1 || len(end) != 1+c.more {
				t.Fatalf("%d and %d alerts", len(begin), len(end))
			}
			if begin[0].Labels["alertname"] != c.alert || !begin[0].EndsAt.IsZero() || begin[0].StartsAt.UnixMicro() != 1700000000123456 {
				t.Errorf("begins with %+v", begin[0])
			}
			if fmt.Sprint(begin[0].Labels) != fmt.Sprint(end[0].Labels) || end[0].EndsAt.IsZero() {
				t.Errorf("%+v is not ended by %+v", begin[0], end[0])
			}
			if begin[0].Annotations["description"] != `it <b>went</b> & "so"` || begin[0].Annotations["event_id"] != c.d.ID.String() {
				t.Errorf("annotations %v", begin[0].Annotations)
			}
			if c.more > 0 && (end[1].Labels["alertname"] != "VigilFailover" || end[1].EndsAt.Sub(end[1].StartsAt) != 5*time.Minute) {
				t.Errorf("failover %+v", end[1])
			}
		})
	}
}

func TestSlack(t *testing.T) {
	var out struct{ Text string }
	d := sample(event.VRRPState, vi1, event.Backup, event.Master)
	render(t, "slack", d, &out)
	want := "*VI_1 is MASTER on lb1*\nit &lt;b&gt;went&lt;/b&gt; &amp; \"so\"\n" + d.ID.String()
	if out.Text != want {
		t.Errorf("got %q\nwant %q", out.Text, want)
	}
}

func TestCloudEvents(t *testing.T) {
	var out struct {
		Specversion, ID, Source, Type, Subject, Datacontenttype string
		Time                                                    time.Time
		Data                                                    Document
	}
	d := sample(event.VRRPState, vi1, event.Backup, event.Master)
	d.Node = "Zürich 1"
	render(t, "cloudevents-1.0", d, &out)
	if out.Specversion != "1.0" || out.ID != d.EventID.String() || out.Source != "/vigild/Z_rich_1" || out.Type != "io.vigild.vrrp.state" ||
		out.Subject != "vrrp_instance/VI_1" || out.Data.ID != d.ID || out.Time.UnixMicro() != 1700000000123456 {
		t.Errorf("got %+v", out)
	}
	if p, err := Parse("cloudevents-1.0", ""); err != nil || !strings.HasPrefix(p.Type, "application/cloudevents+json") {
		t.Errorf("type %+v, %v", p, err)
	}
}

// A template that cannot work is refused before it is needed.
func TestParse(t *testing.T) {
	for text, want := range map[string]string{
		"slacks":                       "there is no template",
		"{{":                           "unclosed action",
		"{{.Nothing}}":                 "can't evaluate field Nothing",
		"{{.Node}}":                    "not JSON",
		"{{range 1000000}}123 {{end}}": "more than 262144 bytes",
		`{{after .Node "1m"}}`:         "error calling after",
	} {
		if _, err := Parse(text, ""); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, not %q", text, err, want)
		}
	}
	p, err := Parse("{{.Node}}: {{.Sentence | upper}}", "text/plain")
	if err != nil {
		t.Fatal(err)
	}
	if text, err := p.Render(sample(event.VRRPState, vi1, event.Backup, event.Master)); err != nil || string(text) != "lb1: IT <B>WENT</B> & \"SO\"" {
		t.Errorf("%s, %v", text, err)
	}
	if p, err := Parse("", ""); err != nil || p.Type != typeJSON {
		t.Errorf("the document itself: %+v, %v", p, err)
	}
}
