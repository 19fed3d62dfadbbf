// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/vigild/vigild/cmd/genhash/digest"
	"github.com/vigild/vigild/cmd/vigild/cmdline"

	"github.com/vigild/vigild/engine/run/parent"
)

// version is set when vigild is built.
var version = "devel"

func main() {
	if filepath.Base(os.Args[0]) == "genhash" {
		os.Exit(digest.Main("genhash", os.Args[1:], os.Stdout, os.Stderr))
	}
	os.Exit(start(os.Args[1:], os.Stdout, os.Stderr))
}

// start reads the command line and does what it asks for. It returns the exit
// status.
func start(args []string, out, complaints io.Writer) int {
	if len(args) > 0 && (args[0] == "-T" || args[0] == "--genhash") {
		return digest.Main("vigild --genhash", args[1:], out, complaints)
	}
	o, words, err := cmdline.Parse(args)
	if err != nil {
		fmt.Fprintln(complaints, err)
		return parent.ExitFatal
	}
	for _, w := range append(o.Invalid, o.Noted...) {
		// compat: said, and then done without.
		fmt.Fprintln(complaints, w)
	}
	switch {
	case o.Role != "":
		return work(o, complaints)
	case o.Help:
		fmt.Fprint(out, "Usage: vigild [OPTION...]\n"+cmdline.Usage())
		return 0
	case o.Version:
		fmt.Fprintf(out, "vigild %s\nKeeps keepalived's configuration, command line and wire formats.\n", version)
		return 0
	case o.Signum != "":
		n, ok := cmdline.Signums()[o.Signum]
		if !ok {
			fmt.Fprintf(complaints, "Unknown sigfunc %s\n", o.Signum)
			return parent.ExitFatal
		}
		fmt.Fprintln(out, n)
		return 0
	case o.Genhash:
		fmt.Fprintln(complaints, "--genhash must be the first option")
		return parent.ExitFatal
	}
	if len(words) > 0 {
		// compat: said, and then done without.
		fmt.Fprintf(complaints, "Unexpected argument(s): %s\n", strings.Join(words, " "))
	}
	if o.ConfigTest {
		return configTest(o, complaints)
	}
	return daemon(o, complaints)
}
