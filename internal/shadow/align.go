package shadow

import "slices"

// A pair is the places of a message on both sides.
type pair struct{ modern, legacy int }

// costs are what it costs to leave a message without its other.
type costs struct {
	modern, legacy func(i int) int
	free           int // of the new side's first messages, which cost nothing before the first pair
}

// missing is what is missing, be it where it may.
func missing(int) int { return 1 }

// align pairs what is the same on both sides, keeping the order of both, such
// that what is left over costs least. It takes time and memory as n times m.
func align(n, m int, same func(modern, legacy int) bool, c costs) []pair {
	width := m + 1
	least := make([]uint32, (n+1)*width) // by how many of each side are done
	for i := 1; i <= n; i++ {
		least[i*width] = least[(i-1)*width]
		if i > c.free {
			least[i*width] += uint32(c.modern(i - 1))
		}
	}
	for j := 1; j <= m; j++ {
		least[j] = least[j-1] + uint32(c.legacy(j-1))
	}
	for i := 1; i <= n; i++ {
		for j := 1; j <= m; j++ {
			at := i*width + j
			least[at] = min(least[at-width]+uint32(c.modern(i-1)), least[at-1]+uint32(c.legacy(j-1)))
			if same(i-1, j-1) {
				least[at] = min(least[at], least[at-width-1])
			}
		}
	}
	return trace(n, m, same, c, least)
}

// trace finds the pairs from their end.
func trace(n, m int, same func(modern, legacy int) bool, c costs, least []uint32) []pair {
	width := m + 1
	pairs := []pair{}
	for i, j := n, m; i > 0 && j > 0; {
		at := i*width + j
		switch {
		case same(i-1, j-1) && least[at] == least[at-width-1]:
			i, j = i-1, j-1
			pairs = append(pairs, pair{i, j})
		case least[at] == least[at-width]+uint32(c.modern(i-1)):
			i--
		default:
			j--
		}
	}
	slices.Reverse(pairs)
	return pairs
}
