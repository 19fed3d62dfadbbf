// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package parent

import (
	"encoding/json"
	"path/filepath"

	"github.com/vigild/vigild/engine/ipc"
)

// CommandRunning asks for the configuration in force: its consolidated text, as
// a sealed file that comes along.
const CommandRunning = "running"

// InForce says where the configuration in force came from.
type InForce struct {
	File       string `json:"file"`
	Generation int    `json:"generation"`
}

// running answers CommandRunning.
func (p *Loop) running(f *ipc.Frame) {
	out := ipc.Frame{Type: ipc.Result, ID: f.ID, Name: f.Name}
	if p.gen == nil || p.gen.image == nil {
		out.Error = "no configuration is in force yet"
		p.answer(out)
		return
	}
	about := InForce{File: p.gen.Name, Generation: p.gen.Number}
	if path, err := filepath.Abs(about.File); err == nil {
		about.File = path
	}
	fd, err := ipc.Dup(p.gen.image)
	if err == nil {
		out.FDs = append(out.FDs, fd)
		out.Body, err = json.Marshal(about)
	}
	if err != nil {
		out.Error = err.Error()
	}
	p.answer(out)
}

// Asked is the body of CommandReload: who asked, for the event. It may be empty.
type Asked struct {
	By string `json:"by,omitempty"`
}

// askedBy takes down who asks for a reload.
func (p *Loop) askedBy(f *ipc.Frame) {
	var a Asked
	if len(f.Body) > 0 && json.Unmarshal(f.Body, &a) == nil && a.By != "" {
		p.byNext = a.By
	}
}

// told is a text about the reload that goes on, with who asked for it.
func (p *Loop) told(name string) string {
	if p.by == "" {
		return name
	}
	return name + ", asked for by " + p.by
}
