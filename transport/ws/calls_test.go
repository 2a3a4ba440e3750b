package ws

import (
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestCallsOfTheLibrary: what else there is to call on its connections waits
// for the peer (Close, CloseRead, Ping), reads all there is (Read), or takes
// what it writes past the hub (Write, Writer). And but for one, which is in
// memory, no call has a context.
func TestCallsOfTheLibrary(t *testing.T) {
	want := map[string][]string{
		"Codec.Free":        {"CloseNow", "CloseNow"},
		"Handler.ServeHTTP": {"SetReadLimit"},
		"conn.end":          {"CloseNow"},
		"conn.readAll":      {"Reader context.Background()"},
		"encoder.frame":     {"Write context.Background()"},
	}
	if got := libraryCalls(t); !maps.EqualFunc(got, want, slices.Equal[[]string]) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// libraryCalls are the methods of websocket.Conn that the package calls, by
// function, with the context where there is one.
func libraryCalls(t *testing.T) map[string][]string {
	t.Helper()
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	calls := make(map[string][]string)
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range f.Decls {
			if d, ok := d.(*ast.FuncDecl); ok {
				if found := callsIn(d); len(found) > 0 {
					calls[funcName(d)] = found
				}
			}
		}
	}
	return calls
}

// callsIn are the calls on what is called ws or conn, as all of the package's
// variables and fields that are a websocket.Conn.
func callsIn(d *ast.FuncDecl) (found []string) {
	ast.Inspect(d, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok {
			return true
		}
		method, ok := call.Fun.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		on := types.ExprString(method.X)
		if on = on[strings.LastIndexByte(on, '.')+1:]; on != "ws" && on != "conn" {
			return true
		}
		text := method.Sel.Name
		if len(call.Args) > 0 {
			if first := types.ExprString(call.Args[0]); strings.Contains(first, "ctx") || strings.Contains(first, "context") {
				text += " " + first
			}
		}
		found = append(found, text)
		return true
	})
	return found
}

func funcName(d *ast.FuncDecl) string {
	if d.Recv == nil {
		return d.Name.Name
	}
	return strings.TrimPrefix(types.ExprString(d.Recv.List[0].Type), "*") + "." + d.Name.Name
}
