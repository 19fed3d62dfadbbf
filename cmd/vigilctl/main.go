// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/vigild/vigild/collector/api"
)

// version is set when vigilctl is built.
var version = "devel"

// Exit codes, documented in vigilctl.1.
const (
	exitOK          = 0
	exitFailure     = 1
	exitUsage       = 2
	exitUnreachable = 3
	exitNotFound    = 4
	exitRefused     = 5
)

// defaultSocket is where vigild puts its control socket.
const defaultSocket = "/run/vigil/control.sock"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	a := &app{out: os.Stdout, errs: os.Stderr, env: os.Getenv, paint: paintFor(os.Stdout, os.Getenv)}
	code := a.run(ctx, os.Args[1:])
	stop()
	os.Exit(code)
}

// app is one run of vigilctl.
type app struct {
	out, errs io.Writer
	env       func(string) string
	paint     palette
	socket    string
	json      bool
	// parsed says that the command line was understood.
	parsed bool
}

// run runs one command line and returns the exit code.
func (a *app) run(ctx context.Context, args []string) int {
	root := a.root()
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return exitOK
	}
	if errors.Is(err, context.Canceled) && ctx.Err() != nil {
		return exitOK // ended by the user
	}
	if status, ok := statusOf(err); ok {
		return status
	}
	fmt.Fprintf(a.errs, "vigilctl: %s\n", clean(err.Error()))
	var problem *api.Problem
	var unreachable *api.Unreachable
	switch {
	case !a.parsed:
		fmt.Fprintln(a.errs, "Try vigilctl --help.")
		return exitUsage
	case errors.As(err, &unreachable):
		return exitUnreachable
	case errors.As(err, &problem) && problem.Status == 404:
		return exitNotFound
	case errors.As(err, &problem) && problem.Status == 400:
		return exitUsage
	}
	return exitFailure
}

// root is the tree of commands.
func (a *app) root() *cobra.Command {
	socket := defaultSocket
	if s := a.env("VIGIL_SOCKET"); s != "" {
		socket = s
	}
	root := &cobra.Command{
		Use:   "vigilctl",
		Short: "Ask a running vigild what is true, what happened, and why",
		Long: "vigilctl asks a running vigild, over its control socket, what is true now, what\n" +
			"happened, and why; it checks, prints, plans and explains configurations. It changes\n" +
			"nothing but what it is told to.",
		SilenceUsage:  true,
		SilenceErrors: true,
		// Whatever goes wrong before this is a mistake in the command line.
		PersistentPreRun: func(*cobra.Command, []string) { a.parsed = true },
		RunE:             func(c *cobra.Command, _ []string) error { return c.Help() },
		Args:             cobra.NoArgs,
	}
	root.SetOut(a.out)
	root.SetErr(a.errs)
	root.PersistentFlags().StringVar(&a.socket, "socket", socket, "control socket of vigild (environment: VIGIL_SOCKET)")
	root.PersistentFlags().BoolVar(&a.json, "json", false, "print JSON instead of text")
	root.AddCommand(a.statusCommand(), a.whyCommand(), a.eventsCommand(), a.configCommand(), a.planCommand(), a.reloadCommand(), a.simulateCommand(), a.importCommand(), a.ipvsCommand(), a.realserverCommand(), a.notifyCommand(), a.alertsCommand(), a.dashboardsCommand(), a.versionCommand())
	return root
}

func (a *app) client() *api.Client { return api.NewClient(a.socket) }

func (a *app) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version of vigilctl",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			if a.json {
				return a.printJSON(map[string]string{"version": version})
			}
			_, err := fmt.Fprintf(a.out, "vigilctl %s\n", version)
			return err
		},
	}
}
