// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/emersion/go-smtp"
)

// webhookSecret is the key that the directors sign their documents with.
const webhookSecret = "demonstration"

// delivery is one webhook request as it came.
type delivery struct {
	At     time.Time
	Header http.Header
	Body   string
}

// sinks is the far end of mails and webhooks: real servers that write what
// they get into files. It runs in the watching namespace until it is killed.
func sinks(dir string) error {
	mail, err := net.Listen("tcp", addrWatch+":25")
	if err != nil {
		return err
	}
	hook, err := net.Listen("tcp", addrWatch+":8080")
	if err != nil {
		return err
	}
	s := smtp.NewServer(&mailbox{dir: dir})
	s.Domain, s.ReadTimeout, s.WriteTimeout = "watch", 10*time.Second, 10*time.Second
	s.MaxMessageBytes = 1 << 20
	failed := make(chan error, 2)
	go func() { failed <- s.Serve(mail) }()
	h := &http.Server{Handler: &hooks{dir: dir}, ReadHeaderTimeout: 10 * time.Second}
	go func() { failed <- h.Serve(hook) }()
	fmt.Println("ready")
	return <-failed
}

// mailbox is an SMTP backend: each message becomes one file mail-N.
type mailbox struct {
	dir string
	mu  sync.Mutex
	n   int
}

func (m *mailbox) NewSession(*smtp.Conn) (smtp.Session, error) { return &letter{box: m}, nil }

type letter struct {
	box  *mailbox
	from string
	to   []string
}

func (l *letter) Mail(from string, _ *smtp.MailOptions) error { l.from = from; return nil }
func (l *letter) Rcpt(to string, _ *smtp.RcptOptions) error   { l.to = append(l.to, to); return nil }
func (l *letter) Reset()                                      { l.from, l.to = "", nil }
func (l *letter) Logout() error                               { return nil }

func (l *letter) Data(r io.Reader) error {
	body, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	l.box.mu.Lock()
	defer l.box.mu.Unlock()
	l.box.n++
	return writeWhole(filepath.Join(l.box.dir, fmt.Sprintf("mail-%d", l.box.n)), body)
}

// hooks keeps each webhook request as one file hook-N.
type hooks struct {
	dir string
	mu  sync.Mutex
	n   int
}

func (h *hooks) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	doc, err := json.Marshal(delivery{At: time.Now(), Header: r.Header, Body: string(body)})
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.n++
	if err := writeWhole(filepath.Join(h.dir, fmt.Sprintf("hook-%d", h.n)), doc); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
	}
}

// writeWhole writes a file so that a reader sees all of it or nothing.
func writeWhole(path string, data []byte) error {
	tmp := filepath.Join(filepath.Dir(path), "."+filepath.Base(path))
	if err := os.WriteFile(tmp, data, 0o600); err != nil {
		return err
	}
	return os.Rename(tmp, path)
}
