// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package vigil

import (
	"encoding"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/notify"
)

// SMTP is what keepalived.conf has no words for.
type SMTP struct {
	TLS          string        `koanf:"tls"` // none, starttls or tls
	CAFile       string        `koanf:"ca_file"`
	Username     string        `koanf:"username"`
	Password     string        `koanf:"password"`
	PasswordFile string        `koanf:"password_file"`
	Helo         string        `koanf:"helo"`
	MaxAge       time.Duration `koanf:"max_age"`
	// Auth is the mechanism, auto for the best that the server offers.
	Auth string `koanf:"auth"`
	// Style is keepalived or explained; TemplateFile words explained mail.
	Style        string `koanf:"style"`
	TemplateFile string `koanf:"template_file"`
	// DigestAfter mails go out one by one within DigestWait, the rest in one; 0 is all one by one.
	DigestAfter int           `koanf:"digest_after"`
	DigestWait  time.Duration `koanf:"digest_wait"`
	// Spool is a folder of the observe role's user in which mail waits; SpoolBytes is the most that it holds.
	Spool      string `koanf:"spool"`
	SpoolBytes int64  `koanf:"spool_bytes"`
	// File is where mail is written instead of being sent.
	File string `koanf:"file"`
}

func (s *SMTP) check() (errs []error) {
	if s.DigestAfter < 0 || s.DigestWait < 0 || s.SpoolBytes < 0 {
		errs = append(errs, errors.New("settings: smtp/digest_after, digest_wait and spool_bytes are not below 0"))
	}
	for key, path := range map[string]string{"spool": s.Spool, "file": s.File} {
		if path != "" && !filepath.IsAbs(path) {
			errs = append(errs, fmt.Errorf("settings: smtp/%s: %q is not an absolute path", key, path))
		}
	}
	return errs
}

// Webhook is one receiver of JSON documents.
type Webhook struct {
	Name       string            `koanf:"name"`
	URL        string            `koanf:"url"`
	Secret     string            `koanf:"secret"`
	SecretFile string            `koanf:"secret_file"`
	Headers    map[string]string `koanf:"headers"`
	Timeout    time.Duration     `koanf:"timeout"`
	Retries    int               `koanf:"retries"`
	MaxAge     time.Duration     `koanf:"max_age"`
	CAFile     string            `koanf:"ca_file"`
	CertFile   string            `koanf:"cert_file"`
	KeyFile    string            `koanf:"key_file"`
	// Template is the name of a ready one; TemplateFile holds another. Type is the media type of what it writes.
	Template     string `koanf:"template"`
	TemplateFile string `koanf:"template_file"`
	Type         string `koanf:"type"`
	// Proxy is a URL, direct, or empty for what the environment says.
	Proxy string `koanf:"proxy"`
	// Only says what the receiver is told of; what is empty lets everything pass.
	Only Only `koanf:"only"`
}

// Only chooses the transitions that a webhook is told of.
type Only struct {
	Kinds   []string `koanf:"kinds"`
	Names   []string `koanf:"names"`
	States  []string `koanf:"states"`
	Reasons []string `koanf:"reasons"`
}

// filter finds the words in the closed lists.
func (o *Only) filter() (f notify.WebhookFilter, err error) {
	for _, name := range o.Names {
		if _, err := path.Match(name, ""); err != nil {
			return f, fmt.Errorf("names: %q: %w", name, err)
		}
	}
	f.Names = o.Names
	if f.Kinds, err = words[event.Kind](o.Kinds); err != nil {
		return f, fmt.Errorf("kinds: %w", err)
	}
	told := []event.Kind{event.VRRPState, event.GroupState, event.ServerState, event.ServiceQuorum}
	for _, k := range f.Kinds {
		if !slices.Contains(told, k) {
			return f, fmt.Errorf("kinds: %s is not one of %v", k, told)
		}
	}
	if f.States, err = words[event.State](o.States); err != nil {
		return f, fmt.Errorf("states: %w", err)
	}
	if f.Reasons, err = words[event.Reason](o.Reasons); err != nil {
		return f, fmt.Errorf("reasons: %w", err)
	}
	return f, nil
}

// words reads the words of a closed list.
func words[T any, P interface {
	*T
	encoding.TextUnmarshaler
}](list []string) (out []T, err error) {
	for _, text := range list {
		var v T
		if err := P(&v).UnmarshalText([]byte(text)); err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	return out, nil
}

func (o *Settings) checkWebhooks() []error {
	var errs []error
	names := map[string]bool{}
	for i := range o.Webhooks {
		w := &o.Webhooks[i]
		key := "webhooks/" + strconv.Itoa(i)
		u, err := url.Parse(w.URL)
		if err != nil || !isURL(w.URL) {
			errs = append(errs, fmt.Errorf("settings: %s/url: %q is not a URL with http or https", key, w.URL))
			continue
		}
		if w.Name == "" {
			w.Name = u.Hostname()
		}
		if names[w.Name] {
			errs = append(errs, fmt.Errorf("settings: %s/name: there are two webhooks named %q", key, w.Name))
		}
		names[w.Name] = true
		if w.Secret != "" && w.SecretFile != "" {
			errs = append(errs, fmt.Errorf("settings: %s/secret and secret_file exclude each other", key))
		}
		if (w.CertFile == "") != (w.KeyFile == "") {
			errs = append(errs, fmt.Errorf("settings: %s/cert_file and key_file belong together", key))
		}
		if w.Template != "" && w.TemplateFile != "" {
			errs = append(errs, fmt.Errorf("settings: %s/template and template_file exclude each other", key))
		}
		if _, err := w.Only.filter(); err != nil {
			errs = append(errs, fmt.Errorf("settings: %s/only/%w", key, err))
		}
		if w.Timeout < 0 || w.MaxAge < 0 || w.Retries < 0 {
			errs = append(errs, fmt.Errorf("settings: %s: a time or count below 0", key))
		}
	}
	return errs
}

// Apply puts what vigil.yaml says about mail and webhooks into the settings of the notifiers, reading the files that
// hold secrets. node is the name of this router.
func (o *Settings) Apply(n *notify.Settings, node string) error {
	password, err := secret(o.SMTP.Password, o.SMTP.PasswordFile)
	if err != nil {
		return fmt.Errorf("smtp/password_file: %w", err)
	}
	n.SMTP.TLS, n.SMTP.CAFile = notify.TLSMode(o.SMTP.TLS), o.SMTP.CAFile
	n.SMTP.User, n.SMTP.Password, n.SMTP.MaxAge = o.SMTP.Username, password, o.SMTP.MaxAge
	n.SMTP.Auth, n.SMTP.Style, n.SMTP.File = o.SMTP.Auth, notify.MailStyle(o.SMTP.Style), o.SMTP.File
	n.SMTP.DigestAfter, n.SMTP.DigestWait = o.SMTP.DigestAfter, o.SMTP.DigestWait
	n.SMTP.Spool, n.SMTP.SpoolMax = o.SMTP.Spool, o.SMTP.SpoolBytes
	if n.SMTP.Template, err = wording("", o.SMTP.TemplateFile); err != nil {
		return fmt.Errorf("smtp/template_file: %w", err)
	}
	if o.SMTP.Helo != "" {
		n.SMTP.Helo = o.SMTP.Helo
	}
	n.Webhooks = nil
	for i := range o.Webhooks {
		w := &o.Webhooks[i]
		key, err := secret(w.Secret, w.SecretFile)
		if err != nil {
			return fmt.Errorf("webhooks/%d/secret_file: %w", i, err)
		}
		form, err := wording(w.Template, w.TemplateFile)
		if err != nil {
			return fmt.Errorf("webhooks/%d/template_file: %w", i, err)
		}
		only, err := w.Only.filter()
		if err != nil {
			return fmt.Errorf("webhooks/%d/only/%w", i, err)
		}
		tries := 0
		if w.Retries > 0 {
			tries = w.Retries + 1
		}
		n.Webhooks = append(n.Webhooks, notify.WebhookSettings{
			Name: w.Name, URL: w.URL, Node: node, Secret: key, Headers: w.Headers, Timeout: w.Timeout, MaxTries: tries, MaxAge: w.MaxAge,
			CAFile: w.CAFile, CertFile: w.CertFile, KeyFile: w.KeyFile,
			Template: form, Type: w.Type, Proxy: w.Proxy, Only: only,
		})
	}
	return notify.Validate(n)
}

// wording gives the text of a file, or the value itself.
func wording(value, file string) (string, error) {
	if file == "" {
		return value, nil
	}
	text, err := os.ReadFile(file)
	return string(text), err
}

// secret gives the words of a file, or the value itself.
func secret(value, file string) (string, error) {
	if file == "" {
		return value, nil
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return "", err
	}
	return strings.TrimRight(string(text), "\r\n"), nil
}
