// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package document

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"text/template"
	"time"

	"github.com/vigild/vigild/engine/event"
)

// RenderMax bounds what a template may write, in bytes.
const RenderMax = 256 << 10

// The media types of what is sent.
const (
	typeJSON        = "application/json"
	typeCloudEvents = "application/cloudevents+json; charset=utf-8"
)

// Template renders documents for one receiver.
type Template struct {
	// Type is the media type of what comes out.
	Type string
	t    *template.Template
}

// ready are the templates that have a name.
var ready = map[string]struct{ media, text string }{
	// The API of Alertmanager, POST /api/v2/alerts. What is wrong begins, and what is
	// right again ends the same alert; a failover is an alert that ends by itself.
	"alertmanager-v2": {typeJSON, `[{"labels":{"alertname":{{json .AlertName}},"severity":{{json .Severity}},"node":{{json .Node}},` +
		`"kind":{{json .Subject.Kind}},"name":{{json .Subject.Name}}{{with .Subject.Server}},"server":{{json .}}{{end}}},` +
		`"annotations":{"summary":{{json .Title}},"description":{{json .Sentence}},"state":{{json .To}},"reason":{{json .Reason}},"event_id":{{json .ID}}},` +
		`"startsAt":{{json .Time}}{{if not .Firing}},"endsAt":{{json .Time}}{{end}}}` +
		`{{if .Failover}},{"labels":{"alertname":"VigilFailover","severity":"info","node":{{json .Node}},"kind":{{json .Subject.Kind}},"name":{{json .Subject.Name}}},` +
		`"annotations":{"summary":{{json .Title}},"description":{{json .Sentence}},"reason":{{json .Reason}},"event_id":{{json .ID}}},` +
		`"startsAt":{{json .Time}},"endsAt":{{json (after .Time "5m")}}}{{end}}]`},
	// Incoming webhooks of Slack, Mattermost and Rocket.Chat.
	"slack": {typeJSON, `{"text":{{json (printf "*%s*\n%s\n%s" (chat .Title) (chat .Sentence) .ID.String)}}}`},
	// CloudEvents 1.0, structured mode (JSON event format, section 3).
	"cloudevents-1.0": {typeCloudEvents, `{"specversion":"1.0","id":{{json .EventID}},"source":{{json (printf "/vigild/%s" (path .Node))}},` +
		`"type":{{json (printf "io.vigild.%s" .Kind.String)}},"subject":{{json .Subject.Path}},"time":{{json .Time}},` +
		`"datacontenttype":"application/json","data":{{json .}}}`},
}

// Ready are the names of the templates that are built in.
func Ready() []string { return slices.Sorted(maps.Keys(ready)) }

// functions are what a template may call, besides those of text/template.
var functions = template.FuncMap{
	"json": func(v any) (string, error) {
		text, err := json.Marshal(v)
		return string(text), err
	},
	"lower": strings.ToLower,
	"upper": strings.ToUpper,
	// chat escapes the three characters that mean something to chat programs.
	"chat": strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace,
	// path makes a word fit for a URI reference.
	"path": func(s string) string {
		return strings.Map(func(r rune) rune {
			if r > 0x20 && r < 0x7f && !strings.ContainsRune(`"<>\^{|}%?#`+"`", r) {
				return r
			}
			return '_'
		}, s)
	},
	// after is a time some duration later, in the same form.
	"after": func(stamp, wait string) (string, error) {
		at, err := time.Parse(time.RFC3339Nano, stamp)
		if err != nil {
			return "", err
		}
		d, err := time.ParseDuration(wait)
		if err != nil {
			return "", err
		}
		return at.Add(d).UTC().Format(stampForm), nil
	},
}

// Parse finds a template by its name, or reads its text, for a media type (empty
// means JSON). No text means the document itself. One that does not render
// samples, or renders JSON that is none, is an error.
func Parse(text, media string) (*Template, error) {
	t := &Template{Type: media}
	if t.Type == "" {
		t.Type = typeJSON
	}
	if text == "" {
		return t, nil
	}
	if r, found := ready[text]; found {
		text = r.text
		if media == "" {
			t.Type = r.media
		}
	} else if !strings.Contains(text, "{{") {
		return nil, fmt.Errorf("there is no template %q, but %s", text, strings.Join(Ready(), ", "))
	}
	var err error
	if t.t, err = template.New("document").Option("missingkey=error").Funcs(functions).Parse(text); err != nil {
		return nil, fmt.Errorf("template: %w", err)
	}
	for _, d := range samples() {
		if _, err := t.Render(d); err != nil {
			return nil, err
		}
	}
	return t, nil
}

// Render renders a document.
func (t *Template) Render(d *Document) ([]byte, error) {
	if t.t == nil {
		text, err := json.Marshal(d)
		if err != nil {
			return nil, fmt.Errorf("document: %w", err)
		}
		return text, nil
	}
	var b limited
	if err := t.t.Execute(&b, d); err != nil {
		return nil, fmt.Errorf("template: %w", err)
	}
	if strings.Contains(t.Type, "json") && !json.Valid(b.text) {
		return nil, errors.New("template: what it writes is not JSON")
	}
	return b.text, nil
}

// limited is a buffer that refuses more than it may hold.
type limited struct{ text []byte }

func (l *limited) Write(p []byte) (int, error) {
	if len(l.text)+len(p) > RenderMax {
		return 0, fmt.Errorf("it writes more than %d bytes", RenderMax)
	}
	l.text = append(l.text, p...)
	return len(p), nil
}

// samples are documents of every kind that is sent, with characters that mean
// something to somebody.
func samples() []*Document {
	var out []*Document
	for _, c := range []struct {
		kind     event.Kind
		subject  event.Subject
		from, to event.State
	}{
		{event.VRRPState, event.Subject{Kind: event.SubjectInstance, Name: `VI "1"`, Family: 4, VRID: 51}, event.Backup, event.Master},
		{event.GroupState, event.Subject{Kind: event.SubjectGroup, Name: "G\\1"}, event.Master, event.Fault},
		{event.ServiceQuorum, event.Subject{Kind: event.SubjectVirtualServer, Name: "tcp/[2001:db8::1]:80"}, event.Up, event.Down},
		{event.ServerState, event.Subject{Kind: event.SubjectRealServer, Name: "tcp/10.0.0.1:80", Sub: "192.0.2.1:80"}, event.Down, event.Up},
		{event.NotifyTest, event.Subject{Kind: event.SubjectChannel, Name: "webhook"}, event.StateNone, event.StateNone},
	} {
		e := event.Event{Epoch: 1, Seq: 1, Kind: c.kind, Subject: c.subject, From: c.from, To: c.to, Reason: event.Startup, Wall: 1}
		out = append(out, New(&e, "node <1>", "a \"sentence\"\nof two lines & more"))
	}
	return out
}

// Firing says whether things are wrong now.
func (d *Document) Firing() bool { return d.To == event.Fault || d.To == event.Down }

// Failover says whether an instance took over from another router.
func (d *Document) Failover() bool {
	return d.Kind == event.VRRPState && d.To == event.Master && d.From == event.Backup && d.Reason != event.Resumed
}

// AlertName is the alert that a document begins or ends.
func (d *Document) AlertName() string {
	switch d.Subject.Kind {
	case event.SubjectInstance:
		return "VigilInstanceFault"
	case event.SubjectGroup:
		return "VigilGroupFault"
	case event.SubjectVirtualServer:
		return "VigilQuorumLost"
	case event.SubjectRealServer:
		return "VigilServerDown"
	case event.SubjectNone, event.SubjectInterface, event.SubjectScript, event.SubjectFile, event.SubjectProcess, event.SubjectBFD,
		event.SubjectWorker, event.SubjectConfig, event.SubjectChannel, event.SubjectRouter:
	}
	return "VigilTest"
}

// Severity is how bad the alert is while it fires: it is the same at its end.
func (d *Document) Severity() string {
	switch d.Subject.Kind {
	case event.SubjectVirtualServer:
		return "critical"
	case event.SubjectInstance, event.SubjectGroup, event.SubjectRealServer:
		return "warning"
	case event.SubjectNone, event.SubjectInterface, event.SubjectScript, event.SubjectFile, event.SubjectProcess, event.SubjectBFD,
		event.SubjectWorker, event.SubjectConfig, event.SubjectChannel, event.SubjectRouter:
	}
	return "info"
}

// Title is the document in a few words.
func (d *Document) Title() string {
	if d.Kind == event.NotifyTest {
		return "Test of " + d.Subject.Path() + " on " + d.Node
	}
	what := d.Subject.Name
	if d.Subject.Server != "" {
		what = d.Subject.Server + " of " + what
	}
	return fmt.Sprintf("%s is %s on %s", what, d.To, d.Node)
}

// Path is what a document is about in one word.
func (s *Subject) Path() string {
	out := s.Kind.String() + "/" + s.Name
	if s.Server != "" {
		out += "/" + s.Server
	}
	return out
}
