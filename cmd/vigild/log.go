// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"log/slog"
	"os"
	"strconv"
	"strings"

	"github.com/vigild/vigild/cmd/vigild/cmdline"

	"github.com/vigild/vigild/collector/log"
	"github.com/vigild/vigild/config/vigil"
	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/explain"
	"github.com/vigild/vigild/engine/sys/link"
)

// logTo is where the command line wants the log.
type logTo struct {
	Console  bool   `json:"console,omitempty"`
	NoSyslog bool   `json:"no_syslog,omitempty"`
	Detail   bool   `json:"detail,omitempty"`
	Facility string `json:"facility,omitempty"`
	File     string `json:"file,omitempty"`
}

func logOptions(o *cmdline.Options) logTo {
	return logTo{Console: o.LogConsole, NoSyslog: o.NoSyslog, Detail: o.LogDetail, Facility: o.Facility, File: o.LogFile}
}

// open opens the log. What could not be opened is in the error; the rest
// works.
func (t logTo) open(c *vigil.Log) (*log.Sink, error) {
	o := log.Options{Level: severity(c.Level), Sentence: explain.Sentence}
	if t.Detail {
		o.Level = event.Debug
	}
	format := log.Text
	if c.Format == "json" {
		format = log.JSON
	}
	if t.Console {
		o.Outputs = append(o.Outputs, log.OutputOptions{Kind: log.Console, Format: format})
	}
	if t.File != "" {
		o.Outputs = append(o.Outputs, log.OutputOptions{Kind: log.File, Format: format, Path: t.File})
	}
	if !t.NoSyslog {
		system := log.OutputOptions{Kind: log.Syslog, Format: format, Facility: facility(t.Facility)}
		switch c.Format {
		case "syslog":
			system.RFC5424 = true
		case "journald":
			system.Kind = log.Journald
		}
		o.Outputs = append(o.Outputs, system)
	}
	return log.New(o)
}

func severity(word string) event.Severity {
	switch word {
	case "debug":
		return event.Debug
	case "warn":
		return event.Warn
	case "error":
		return event.Error
	}
	return event.Info
}

// facility is the number of a syslog facility; 0 for the default.
func facility(name string) int {
	if name == "user" {
		return 1
	}
	n, err := strconv.Atoi(strings.TrimPrefix(name, "local"))
	if err != nil {
		return 0
	}
	return 16 + n
}

// logAddresses writes a line for every address that anybody adds or removes, in
// the words of keepalived (-a), until the monitor is closed.
func logAddresses(l *slog.Logger) (stop func(), err error) {
	m, now, err := link.Watch()
	if err != nil {
		return nil, err
	}
	names := map[int]string{}
	tell := func(c link.Change, old bool) {
		switch {
		case c.Interface != nil:
			names[c.Interface.Index] = c.Interface.Name
		case c.Address != nil && !old:
			address, on := c.Address.Prefix.Addr().String(), names[c.Address.IfIndex]
			if c.Present {
				l.Info("Netlink reflector reports IP added", "address", address, "interface", on)
			} else {
				l.Info("Netlink reflector reports IP removed", "address", address, "interface", on)
			}
		}
	}
	for _, c := range now {
		tell(c, true)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		var changes []link.Change
		err := m.Wait(func() (err error) {
			changes, err = m.Drain(changes[:0])
			for _, c := range changes {
				tell(c, false)
			}
			return err
		})
		if err != nil && !errors.Is(err, os.ErrClosed) {
			l.Error("addresses are not followed any more", "error", err)
		}
	}()
	return func() {
		if err := m.Close(); err != nil {
			l.Error("addresses", "error", err)
		}
		<-ended
	}, nil
}
