package people

import (
	"cmp"
	"context"
	"encoding/hex"
	"slices"
	"time"

	"postern/vfs/registry"
)

// kindDevice has one record for each device of the account, by its id.
const kindDevice = registry.Device

// fieldSeen is when a device was last in use, to a day.
const fieldSeen = "seen"

// Device is one of the account's devices.
type Device struct {
	Name string    `json:"name"`
	Seen time.Time `json:"seen,omitzero"` // when it was last in use, to a day
	Own  bool      `json:"own,omitempty"` // this one
}

// seenEvery is the time after which a device notes again that it is in use.
const seenEvery = 24 * time.Hour

// deviceName returns the name of this device.
func (p *People) deviceName() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return cmp.Or(p.renamed, p.o.Device.Name)
}

// noteDevice records that this device is in use. An account without any records gets none, so that older programs can
// still read its drive.
func (p *People) noteDevice(ctx context.Context) error {
	s, id, name, now := p.o.Own.Private(), hex.EncodeToString(p.o.Device.ID[:]), p.deviceName(), p.o.Now()
	r, _ := s.Get(kindDevice, id)
	if s.Len() == 0 || string(r.Get(fieldName)) == name && now.Sub(timeOf(r.Get(fieldSeen))) < seenEvery {
		return nil
	}
	return p.o.Own.Note(ctx, registry.Note{Kind: kindDevice, ID: id, Set: map[string][]byte{
		fieldName: []byte(name), fieldSeen: timeBytes(now)}})
}

// Devices returns the devices of the account that have been used with friends or listed devices, this one first.
func (p *People) Devices(ctx context.Context) ([]Device, error) {
	p.making.Lock()
	defer p.making.Unlock()
	if err := p.noteDevice(ctx); err != nil {
		return nil, err
	}
	own := hex.EncodeToString(p.o.Device.ID[:])
	all := []Device{{Name: p.deviceName(), Seen: p.o.Now(), Own: true}}
	for id, r := range p.o.Own.Private().All(kindDevice) {
		if id != own {
			all = append(all, Device{Name: string(r.Get(fieldName)), Seen: timeOf(r.Get(fieldSeen))})
		}
	}
	slices.SortStableFunc(all[1:], func(a, b Device) int { return cmp.Compare(a.Name, b.Name) })
	return all, nil
}

// RenameDevice gives this device another name. keep writes it down, so that it lasts.
func (p *People) RenameDevice(ctx context.Context, from, to string, keep func() error) error {
	all, err := p.Devices(ctx)
	switch {
	case err != nil:
		return err
	case !slices.ContainsFunc(all, func(d Device) bool { return d.Name == from }):
		return refuse("no device is called %q: postern devices lists all", from)
	case all[0].Name != from:
		return refuse("%s is another machine: rename it there", from)
	case from == to:
		return nil
	case slices.ContainsFunc(all, func(d Device) bool { return d.Name == to }):
		return refuse("another device is called %s already: choose another name", to)
	}
	if err := keep(); err != nil {
		return err
	}
	p.mu.Lock()
	p.renamed = to
	p.mu.Unlock()
	p.making.Lock()
	defer p.making.Unlock()
	return p.noteDevice(ctx)
}
