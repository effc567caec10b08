package tree

import "postern/vfs/object"

// cutLeaf distributes lines over as many leaves as they need. If the last line is new, it gets a leaf of its own:
// programs mostly write in order, and so leave full pages behind.
func cutLeaf(lines []line, in *encoded, appended bool) []*page {
	sizes := make([]int, len(lines))
	for i := range lines {
		sizes[i] = int(lines[i].size)
	}
	var pages []*page
	cut(sizes, 0, 1, appended, func(from, to int) { pages = append(pages, leaf(lines[from:to:to], in)) })
	return pages
}

// cutInner distributes children over as many inner pages as they need, each with two children or more.
func cutInner(level uint8, children []child, appended bool) []*page {
	sizes := make([]int, len(children))
	for i := range children {
		sizes[i] = children[i].size()
	}
	var pages []*page
	cut(sizes, 0, 2, appended, func(from, to int) { pages = append(pages, inner(level, children[from:to:to])) })
	return pages
}

// cut calls part with the bounds, from base on, of the parts of items with these sizes: parts of at most
// object.PageTarget, but of at least least items. Parts are halved until they fit; an appended item becomes a part of
// its own.
func cut(sizes []int, base, least int, appended bool, part func(from, to int)) {
	total := pageHead
	for _, s := range sizes {
		total += s
	}
	if total <= object.PageTarget || len(sizes) < 2*least {
		part(base, base+len(sizes))
		return
	}
	at := len(sizes) - least
	if !appended {
		sum := 0
		for at = 0; at < len(sizes) && sum+sizes[at]/2 < total/2; at++ {
			sum += sizes[at]
		}
		at = min(max(at, least), len(sizes)-least)
	}
	cut(sizes[:at], base, least, false, part)
	cut(sizes[at:], base+at, least, false, part)
}
