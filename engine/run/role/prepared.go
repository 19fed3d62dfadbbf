// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package role

import (
	"encoding/json"
	"fmt"
	"os"

	"github.com/vigild/vigild/engine/ipc"
	"github.com/vigild/vigild/engine/sys/proc"
)

// ImageMax bounds what a worker accepts as a configuration, in bytes.
const ImageMax = 256 << 20

// Preparation is the Body of a Prepare frame.
type Preparation struct {
	// Options is Generation.Body.
	Options json.RawMessage `json:"options,omitempty"`
	// Listeners names the descriptors after the first.
	Listeners []string `json:"listeners,omitempty"`
}

// Prepared is a Prepare frame unpacked.
type Prepared struct {
	Number int
	Image  []byte
	// Draft is what the role made of the same Image before; nil for nothing.
	Draft any
	Preparation
	// Files are the listeners, by name; the receiver owns them.
	Files map[string]*os.File
}

// Unpack reads a Prepare frame and takes over its descriptors.
func Unpack(f *ipc.Frame) (*Prepared, error) {
	p := &Prepared{Number: f.Gen, Files: map[string]*os.File{}}
	fds := f.FDs
	f.FDs = nil
	if len(fds) == 0 {
		return nil, fmt.Errorf("generation %d came without its file", f.Gen)
	}
	image := os.NewFile(uintptr(fds[0]), fmt.Sprintf("generation %d", f.Gen))
	defer image.Close()
	var err error
	if len(f.Body) > 0 {
		err = json.Unmarshal(f.Body, &p.Preparation)
	}
	if err == nil && len(p.Listeners) != len(fds)-1 {
		err = fmt.Errorf("%d listeners named, %d came", len(p.Listeners), len(fds)-1)
	}
	if err == nil {
		p.Image, err = proc.ReadSealed(image, ImageMax)
	}
	if err != nil {
		(&ipc.Frame{FDs: fds[1:]}).Drop()
		return nil, fmt.Errorf("generation %d: %w", f.Gen, err)
	}
	for i, name := range p.Listeners {
		p.Files[name] = os.NewFile(uintptr(fds[i+1]), name)
	}
	return p, nil
}

// ResultTally names the Result that follows the counters that were asked for.
const ResultTally = "tally"

// CommandMemory names the Command that brings a new observe role the memory of
// its predecessor; its descriptor is a ledger.Memory as JSON.
const CommandMemory = "memory"

// Contents reads the one file of a frame and closes it.
func Contents(f *ipc.Frame) ([]byte, error) {
	if len(f.FDs) != 1 {
		n := len(f.FDs)
		f.Drop()
		return nil, fmt.Errorf("%s came with %d files", f.Name, n)
	}
	file := os.NewFile(uintptr(f.FDs[0]), f.Name)
	f.FDs = nil
	defer file.Close()
	return proc.ReadSealed(file, ImageMax)
}
