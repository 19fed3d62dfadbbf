// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/vigild/vigild/config"
	"github.com/vigild/vigild/config/syntax"
	"github.com/vigild/vigild/engine/plan"
)

// impactFlag is plan.Impact as the value of a flag.
type impactFlag struct{ plan.Impact }

// Set implements the flag's value.
func (f *impactFlag) Set(word string) error { return f.UnmarshalText([]byte(word)) }

// Type names the kind of value in the help.
func (*impactFlag) Type() string { return "IMPACT" }

func (a *app) reloadCommand() *cobra.Command {
	p := &planner{source: source{format: syntax.FormatText}}
	most := impactFlag{plan.Any}
	c := &cobra.Command{
		Use:   "reload [FILE]",
		Short: "Let vigild reload its configuration, unless that would do too much",
		Long: "Plan a reload, and do it unless the plan has more in it than --max-impact allows;\n" +
			"then nothing is done and the exit status is 5. With FILE, that takes the place of\n" +
			"the file that vigild reads, which is kept beside it as NAME.previous, and comes\n" +
			"back if vigild refuses the new one. Only root may do this.\n\n" +
			"The impacts, each with those before it: none (a master may say an advert out of\n" +
			"turn), checks (how servers are checked, priorities, timers), servers (entries of\n" +
			"the IPVS table), addresses (addresses, routes, rules of a master that stays one),\n" +
			"transitions (instances or virtual servers change their state, come or go; at\n" +
			"once, or later because of it), any (that, and what would be wrong afterwards,\n" +
			"such as two masters).",
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			made, err := a.plan(c.Context(), p, args)
			if err != nil {
				return err
			}
			if err := a.printPlan(made.plan); err != nil {
				return err
			}
			if made.plan.Impact > most.Impact {
				fmt.Fprintf(a.errs, "vigilctl: not reloaded: the impact is %v, and --max-impact is %v\n", made.plan.Impact, most.Impact)
				return exitStatus(exitRefused)
			}
			return a.reload(c.Context(), made)
		},
	}
	c.Flags().Var(&most, "max-impact", "the most that it may do: "+strings.Join(plan.Impacts(), ", "))
	c.Flags().StringVar(&p.id, "config-id", "", "as vigild -i: which lines that begin with '@' hold (default: the node name)")
	return c
}

// reload puts the new file in place, and asks for the reload.
func (a *app) reload(ctx context.Context, made *planned) error {
	same, err := sameFile(made.file, made.next)
	if err != nil {
		return err
	}
	if same {
		return a.client().Reload(ctx)
	}
	if err := portable(made.conf, made.next, made.file); err != nil {
		return err
	}
	if text, err := os.ReadFile(made.next); err != nil || !bytes.Equal(text, made.text) {
		return errors.Join(err, fmt.Errorf("%s changed while it was planned for", made.next))
	}
	back, err := replace(made.file, made.text)
	if err != nil {
		return err
	}
	if err := a.client().Reload(ctx); err != nil {
		return errors.Join(err, back())
	}
	return nil
}

func sameFile(a, b string) (bool, error) {
	x, err := os.Stat(a)
	if err != nil {
		return false, err
	}
	y, err := os.Stat(b)
	return err == nil && os.SameFile(x, y), err
}

// portable says whether a file means the same in another folder: what it
// includes by a relative name would not be found.
func portable(c *config.Config, from, to string) error {
	x, err := filepath.Abs(from)
	if err != nil {
		return err
	}
	if len(c.Files) > 1 && filepath.Dir(x) != filepath.Dir(to) {
		return fmt.Errorf("%s includes other files, so it cannot take the place of %s in another folder", from, to)
	}
	return nil
}

// replace puts a text in the place of that of a file, with the owner and
// mode of that, and keeps the old one beside it. back undoes it.
func replace(file string, text []byte) (back func() error, err error) {
	// A link stays one: what it points to is replaced.
	if file, err = filepath.EvalSymlinks(file); err != nil {
		return nil, err
	}
	info, err := os.Stat(file)
	if err != nil {
		return nil, err
	}
	f, err := os.CreateTemp(filepath.Dir(file), "."+filepath.Base(file)+"-")
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			os.Remove(f.Name())
		}
	}()
	_, err = f.Write(text)
	if st, ok := info.Sys().(*syscall.Stat_t); ok && err == nil {
		err = f.Chown(int(st.Uid), int(st.Gid))
	}
	err = errors.Join(err, f.Chmod(info.Mode().Perm()), f.Sync(), f.Close())
	if err != nil {
		return nil, fmt.Errorf("write beside %s: %w", file, err)
	}
	previous := file + ".previous"
	if err = os.Remove(previous); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if err = os.Link(file, previous); err != nil {
		return nil, err
	}
	if err = os.Rename(f.Name(), file); err != nil {
		return nil, err
	}
	return func() error { return os.Rename(previous, file) }, nil
}
