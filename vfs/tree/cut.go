package tree

import "postern/vfs/object"

// cutLeaf makes as many leaves of the lines as they need. When the last line is a new one it goes alone: whoever writes
// in order, as most programs do, leaves full pages behind.
func cutLeaf(lines []line, in *encoded, appended bool) []*page {
	sizes := make([]int, len(lines))
	for i := range lines {
		sizes[i] = int(lines[i].size)
	}
	var pages []*page
	cut(sizes, 0, 1, appended, func(from, to int) { pages = append(pages, leaf(lines[from:to:to], in)) })
	return pages
}

// cutInner makes as many inner pages of the children as they need, each of two children or more.
func cutInner(level uint8, children []child, appended bool) []*page {
	sizes := make([]int, len(children))
	for i := range children {
		sizes[i] = children[i].size()
	}
	var pages []*page
	cut(sizes, 0, 2, appended, func(from, to int) { pages = append(pages, inner(level, children[from:to:to])) })
	return pages
}

// cut tells the bounds, from base on, of the parts that items of these sizes are cut into: parts of at most
// object.PageTarget, but of at least least items. Parts are halved until they fit, but for what was appended: that
// becomes a part of its own.
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
