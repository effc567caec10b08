package home

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"time"
)

// Export notes when a bundle was made, and of which state of the drive, as a marshalled pointer.
type Export struct {
	Time    time.Time `json:"time"`
	Pointer []byte    `json:"pointer"`
}

// maxExports is how many are remembered: one a day for some years.
const maxExports = 1000

// Exports is where the exports are noted, so that the next may hold only what came after.
func (h Home) Exports() string { return h.join("exports.json") }

// ReadExports returns the exports that were noted, the oldest first.
func (h Home) ReadExports() (made []Export, err error) {
	text, err := readFile(h.Exports())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("can't read %s: %w", h.Exports(), cause(err))
	}
	if err := json.Unmarshal(text, &made); err != nil {
		return nil, fmt.Errorf("%s is damaged: remove it; the next export then has to be of everything, or since an "+
			"earlier bundle", h.Exports())
	}
	return made, nil
}

// AddExport notes one more.
func (h Home) AddExport(e Export) error {
	made, err := h.ReadExports()
	if err != nil {
		return err
	}
	made = append(made, e)
	text, err := json.Marshal(made[max(len(made)-maxExports, 0):])
	if err != nil {
		return err
	}
	if err := writeFile(h.Exports(), text); err != nil {
		return fmt.Errorf("can't write %s: %w", h.Exports(), err)
	}
	return nil
}
