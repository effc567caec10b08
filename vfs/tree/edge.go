package tree

// Edge leads from a page or index node to a part that it refers to, by the numbers that a Walker gives.
type Edge struct{ From, To uint32 }

// AddAbove adds to parts every part that leads to one of them, directly or indirectly.
func AddAbove(parts map[uint32]bool, edges []Edge) {
	above := map[uint32][]uint32{}
	for _, e := range edges {
		above[e.To] = append(above[e.To], e.From)
	}
	queue := make([]uint32, 0, len(parts))
	for id := range parts {
		queue = append(queue, id)
	}
	for len(queue) > 0 {
		id := queue[len(queue)-1]
		queue = queue[:len(queue)-1]
		for _, up := range above[id] {
			if !parts[up] {
				parts[up] = true
				queue = append(queue, up)
			}
		}
	}
}
