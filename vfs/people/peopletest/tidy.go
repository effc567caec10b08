package peopletest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"postern/vfs"
	"postern/vfs/fsck"
	"postern/vfs/gc"
)

// tidy has every account collect its garbage, and the grace period pass between two collections. Nothing that anybody
// could read before may be lost, and each drive must be whole.
func tidy() Step {
	return func(ctx context.Context, w *World) error {
		before := map[string]map[string]string{}
		for _, d := range w.sorted() {
			all, err := d.files(ctx)
			if err != nil {
				return err
			}
			before[d.Name] = all
		}
		for range 2 {
			if err := w.collect(ctx); err != nil {
				return err
			}
			if err := later(gc.DefaultGrace+1)(ctx, w); err != nil {
				return err
			}
			if err := look()(ctx, w); err != nil {
				return err
			}
		}
		if err := w.collect(ctx); err != nil {
			return err
		}
		for _, d := range w.sorted() {
			now, err := d.files(ctx)
			if err != nil {
				return err
			}
			if err := same(before[d.Name], now); err != nil {
				return fmt.Errorf("%s, after collections: %w", d.Name, err)
			}
			report, err := d.Own.Keeper().Fsck(ctx, fsck.Options{ReadData: true})
			if err != nil || len(report.Damage) > 0 || len(report.Unchecked) > 0 {
				return fmt.Errorf("the check of %s: %+v, %+v, %w", d.Name, report.Damage, report.Unchecked, err)
			}
		}
		return nil
	}
}

func (w *World) collect(ctx context.Context) error {
	for _, d := range w.sorted() {
		if _, err := d.Own.Keeper().Collect(ctx, gc.Options{}); err != nil {
			return fmt.Errorf("%s collects: %w", d.Name, err)
		}
	}
	return nil
}

// files returns the contents of all files that a drive shows, outside the history.
func (d *device) files(ctx context.Context) (map[string]string, error) {
	all := map[string]string{}
	folders := []string{"/files", "/shared"}
	for len(folders) > 0 {
		folder := folders[0]
		folders = folders[1:]
		names, err := d.List(ctx, folder)
		if err != nil {
			return nil, fmt.Errorf("%s lists %s: %w", d.Name, folder, err)
		}
		for _, name := range names {
			at := folder + "/" + strings.TrimSuffix(name, "/")
			if strings.HasSuffix(name, "/") {
				folders = append(folders, at)
				continue
			}
			text, err := d.Get(ctx, at)
			if errors.Is(err, vfs.ErrNotExist) {
				continue
			}
			if err != nil {
				return nil, fmt.Errorf("%s reads %s: %w", d.Name, at, err)
			}
			all[at] = text
		}
	}
	return all, nil
}

// same returns the difference between two lists of files.
func same(was, now map[string]string) error {
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(was)) {
		switch text, there := now[name]; {
		case !there:
			errs = append(errs, fmt.Errorf("%s is gone", name))
		case text != was[name]:
			errs = append(errs, fmt.Errorf("%s is %q, not %q", name, text, was[name]))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(now)) {
		if _, there := was[name]; !there {
			errs = append(errs, fmt.Errorf("%s is new", name))
		}
	}
	return errors.Join(errs...)
}
