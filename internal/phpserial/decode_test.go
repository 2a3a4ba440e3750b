package phpserial_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/commchannel/gateway/internal/phpserial"
	"github.com/commchannel/gateway/protocol"
)

func TestDecode(t *testing.T) {
	for _, tt := range []struct{ name, in, want string }{
		{"null", `N;`, `null`},
		{"true", `b:1;`, `true`},
		{"false", `b:0;`, `false`},
		{"an integer", `i:-42;`, `-42`},
		{"integers beyond 53 bits", `a:2:{i:0;i:9007199254740993;i:1;i:-9223372036854775808;}`, `[9007199254740993,-9223372036854775808]`},
		{"an integer with a sign and noughts", `a:3:{i:0;i:+007;i:1;i:-0;i:2;i:-01;}`, `[7,0,-1]`},
		{"floats", `a:6:{i:0;d:0.1;i:1;d:1;i:2;d:1.0E+25;i:3;d:.5;i:4;d:-5.;i:5;d:1e-7;}`, `[0.1,1,1e+25,0.5,-5,1e-7]`},
		{"a float of too many digits", `d:0.1000000000000000055511151231257827;`, `0.1`},
		{"minus nought", `d:-0;`, `-0`},
		{"no numbers", `a:3:{i:0;d:INF;i:1;d:-INF;i:2;d:NAN;}`, `["INF","-INF","NAN"]`},
		{"a float beyond floats", `a:2:{i:0;d:1e999;i:1;d:-1e999;}`, `["INF","-INF"]`},
		{"a float below floats", `d:1e-999;`, `0`},
		{"a string", `s:6:"h` + "\xc3\xa9" + `"";";`, `"hé\"\";"`},
		{"a string with its end in it", `s:3:"";x";`, `"\";x"`},
		{"a length with noughts", `s:001:"a";`, `"a"`},
		{"control bytes and line separators", "s:4:\"\x00\u2028\";", `"\u0000\u2028"`},
		{"not UTF-8", "s:2:\"a\xff\";", `{"__b64":"Yf8="}`},
		{"half a surrogate pair", "s:3:\"\xed\xa0\x80\";", `{"__b64":"7aCA"}`},
		{"an empty array", `a:0:{}`, `[]`},
		{"a list", `a:2:{i:0;N;i:1;a:1:{i:0;i:5;}}`, `[null,[5]]`},
		{"a list by text keys", `a:2:{s:1:"0";N;s:1:"1";N;}`, `[null,null]`},
		{"keys that begin at 1", `a:1:{i:1;N;}`, `{"1":null}`},
		{"keys out of order", `a:2:{i:1;s:1:"b";i:0;s:1:"a";}`, `{"1":"b","0":"a"}`},
		{"keys of both kinds", `a:4:{i:-5;i:0;s:2:"05";i:1;s:0:"";i:2;i:+6;i:3;}`, `{"-5":0,"05":1,"":2,"6":3}`},
		{"a key that is not UTF-8", "a:1:{s:1:\"\xff\";i:1;}", `{"__b64:/w==":1}`},
		{"a key with NUL in an array", "a:1:{s:4:\"\x00*\x00x\";i:1;}", `{"\u0000*\u0000x":1}`},
		{"an object", `O:5:"Point":2:{s:1:"x";i:1;s:1:"y";N;}`, `{"__class":"Point","x":1,"y":null}`},
		{"an object without properties", `O:3:"A\B":0:{}`, `{"__class":"A\\B"}`},
		{"an object of a class that is not UTF-8", "O:1:\"\xff\":0:{}", `{"__class":{"__b64":"/w=="}}`},
		{"an object with integer keys", `O:1:"A":2:{i:0;i:7;i:1;i:8;}`, `{"__class":"A","0":7,"1":8}`},
		{"protected and private", "O:1:\"A\":2:{s:4:\"\x00*\x00x\";i:1;s:4:\"\x00A\x00y\";i:2;}", `{"__class":"A","x":1,"y":2}`},
		{"private to another class", "O:1:\"A\":1:{s:4:\"\x00B\x00y\";i:2;}", `{"__class":"A","y":2}`},
		{"private to two classes", "O:1:\"A\":2:{s:4:\"\x00B\x00y\";i:1;s:4:\"\x00A\x00y\";i:2;}", `{"__class":"A","B::y":1,"y":2}`},
		{"private to two other classes", "O:1:\"A\":2:{s:4:\"\x00B\x00y\";i:1;s:4:\"\x00C\x00y\";i:2;}", `{"__class":"A","y":1,"C::y":2}`},
		{"private beside public", "O:1:\"A\":2:{s:4:\"\x00B\x00y\";i:1;s:1:\"y\";i:2;}", `{"__class":"A","B::y":1,"y":2}`},
		{"a property called __class", `O:1:"A":1:{s:7:"__class";i:1;}`, `{"__class":"A","A::__class":1}`},
		{"one NUL", "O:1:\"A\":1:{s:2:\"\x00x\";i:1;}", `{"__class":"A","\u0000x":1}`},
		{"an enum", `E:6:"Suit:H";`, `{"__enum":"Suit:H"}`},
		{"Serializable", `C:3:"Set":5:{a}";b}`, `{"__class":"Set","__data":"a}\";b"}`},
		{"Serializable of bytes", "C:3:\"Set\":1:{\xff}", `{"__class":"Set","__data":{"__b64":"/w=="}}`},
		{"the same object", `a:2:{i:0;O:1:"A":1:{s:1:"x";i:1;}i:1;r:2;}`, `[{"__class":"A","x":1},{"__class":"A","x":1}]`},
		{"the same variable", `a:2:{i:0;a:1:{i:0;i:5;}i:1;R:2;}`, `[[5],[5]]`},
		{"r counts", `a:3:{i:0;O:1:"A":0:{}i:1;r:2;i:2;r:3;}`, `[{"__class":"A"},{"__class":"A"},{"__class":"A"}]`},
		{"R does not", `a:4:{i:0;i:7;i:1;R:2;i:2;O:1:"A":0:{}i:3;r:3;}`, `[7,7,{"__class":"A"},{"__class":"A"}]`},
		{"an enum again", `a:2:{i:0;E:3:"A:B";i:1;r:2;}`, `[{"__enum":"A:B"},{"__enum":"A:B"}]`},
		{"a cycle", `O:1:"A":1:{s:4:"self";r:1;}`, `{"__class":"A","self":{"__ref":1}}`},
		{"a cycle by reference", `a:1:{i:0;a:2:{i:0;i:1;i:1;R:2;}}`, `[[1,{"__ref":2}]]`},
		{"a cycle seen from outside", `a:2:{i:0;O:1:"A":1:{s:1:"b";O:1:"B":1:{s:1:"a";r:2;}}i:1;r:3;}`,
			`[{"__class":"A","b":{"__class":"B","a":{"__ref":2}}},{"__class":"B","a":{"__class":"A","b":{"__ref":3}}}]`},
		{"references around Serializable", `a:4:{i:0;O:1:"A":0:{}i:1;C:1:"S":0:{}i:2;r:2;i:3;r:9;}`,
			`[{"__class":"A"},{"__class":"S","__data":""},{"__class":"A"},{"__ref":9}]`},
		{"references around two of them", `a:4:{i:0;C:1:"S":0:{}i:1;O:1:"A":0:{}i:2;C:1:"S":0:{}i:3;r:3;}`,
			`[{"__class":"S","__data":""},{"__class":"A"},{"__class":"S","__data":""},{"__ref":3}]`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := phpserial.Decode([]byte(tt.in), phpserial.Limits{})
			if err != nil || string(got) != tt.want {
				t.Errorf("%s\n got %s, error %v\nwant %s", tt.in, got, err, tt.want)
			}
			if err := protocol.CheckJSON(got); err != nil {
				t.Errorf("got %s: %v", got, err)
			}
		})
	}
}

func TestDecodeRefuses(t *testing.T) {
	for _, tt := range []struct{ name, in, want string }{
		{"nothing", ``, `the text ends where a value begins, at byte 0`},
		{"another type", `x:1;`, `'x' begins no value at byte 0`},
		{"upper-case string", `S:1:"a";`, `'S' begins no value at byte 0`},
		{"objects of PHP 3", `o:0:{}`, `'o' begins no value at byte 0`},
		{"a bad length", `s:999999999:"x"`, `a number beyond 15 at byte 2`},
		{"a negative length", `s:-5:"x";`, `no number and ':' at byte 2`},
		{"a signed length", `s:+1:"x";`, `no number and ':' at byte 2`},
		{"a length beyond 64 bits", `s:99999999999999999999999:"x";`, `a number beyond 30 at byte 2`},
		{"a length that is too long by one", `s:2:"a";`, `no 2 bytes in " and " at byte 4`},
		{"a length that is too short by one", `s:1:"ab";`, `no 1 bytes in " and " at byte 4`},
		{"a length beyond the text", `s:4:"a";`, `no 4 bytes in " and " at byte 4`},
		{"a string without its end", `s:1:"a"`, `no ";" at byte 7`},
		{"trailing bytes", `i:1;x`, `1 bytes too many at byte 4`},
		{"trailing space", "i:1;\n", `1 bytes too many at byte 4`},
		{"two values", `N;N;`, `2 bytes too many at byte 2`},
		{"half a null", `N`, `no "N;" at byte 0`},
		{"half an integer", `i:1`, `no value of type 'i' at byte 0`},
		{"one letter", `i`, `no value of type 'i' at byte 0`},
		{"no digits", `i:;`, `no value of type 'i' at byte 0`},
		{"an integer beyond 64 bits", `i:9223372036854775808;`, `no value of type 'i' at byte 0`},
		{"a hexadecimal integer", `i:0x1;`, `no value of type 'i' at byte 0`},
		{"another boolean", `b:2;`, `no value of type 'b' at byte 0`},
		{"a hexadecimal float", `d:0x1p-2;`, `no value of type 'd' at byte 0`},
		{"Go's infinity", `d:Infinity;`, `no value of type 'd' at byte 0`},
		{"a float with underscores", `d:1_0;`, `no value of type 'd' at byte 0`},
		{"a point", `d:.;`, `no value of type 'd' at byte 0`},
		{"an array of too many", `a:999999999:{`, `a number beyond 1 at byte 2`},
		{"an array of too few", `a:1:{i:0;N;i:1;N;}`, `no "}" at byte 11`},
		{"an array without its end", `a:1:{i:0;N;`, `no "}" at byte 11`},
		{"a key of null", `a:1:{N;N;N;}`, `no "s:" at byte 5`},
		{"a key of a float", `a:1:{d:1;i:1;}`, `no "s:" at byte 5`},
		{"a key by reference", `a:1:{R:1;i:1;}`, `no "s:" at byte 5`},
		{"a key beyond 64 bits", `a:1:{i:9223372036854775808;N;}`, `no value of type 'i' at byte 5`},
		{"a key without a value", `a:1:{i:0;}   `, `'}' begins no value at byte 9`},
		{"a fault deep inside", `a:1:{i:0;a:1:{i:0;O:1:"A":1:{s:1:"x";b:7;}}}`, `no value of type 'b' at byte 37`},
		{"a key twice", `a:2:{i:5;N;s:1:"5";N;}`, `the key "5" twice in the array or object at byte 0`},
		{"a property twice", `O:1:"A":2:{s:1:"x";N;s:4:"` + "\x00*\x00x" + `";N;}`, `the key "x" twice in the array or object at byte 0`},
		{"a key like bytes", "a:2:{s:1:\"\xff\";N;s:10:\"__b64:/w==\";N;}", `the key "__b64:/w==" twice in the array or object at byte 0`},
		{"an object without braces", `O:1:"A":0:`, `no "{" at byte 10`},
		{"an enum without a case", `E:4:"Suit";`, `an enum without a case at byte 0`},
		{"a reference to nothing", `r:1;`, `a reference to value 1 of 0 at byte 0`},
		{"a reference to value 0", `a:1:{i:0;R:0;}`, `a reference to value 0 of 1 at byte 9`},
		{"a reference to itself", `a:1:{i:0;r:2;}`, `a reference to value 2 of 1 at byte 9`},
		{"a reference forward", `a:2:{i:0;R:3;i:1;N;}`, `a reference to value 3 of 1 at byte 9`},
		{"r to a number", `a:2:{i:0;i:1;i:1;r:2;}`, `a reference to value 2, which is no object, at byte 17`},
		{"a reference beyond everything", `a:1:{i:0;R:99999999999999999999;}`, `a number beyond 2147483647 at byte 11`},
		{"Serializable without its end", `C:1:"A":3:{ab}`, `no 3 bytes in { and } at byte 10`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := phpserial.Decode([]byte(tt.in), phpserial.Limits{})
			if !errors.Is(err, phpserial.ErrSyntax) || got != nil {
				t.Fatalf("got %s, error %v, want ErrSyntax", got, err)
			}
			if want := "phpserial: not PHP's serialization: " + tt.want; err.Error() != want {
				t.Errorf("got error %q\n    want %q", err, want)
			}
		})
	}
}

// nested is arrays in each other, around null.
func nested(depth int) string {
	return strings.Repeat("a:1:{i:0;", depth) + "N;" + strings.Repeat("}", depth)
}

// doubling is an array in which every member is twice the one before.
func doubling(n int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "a:%d:{i:0;a:2:{i:0;i:1;i:1;i:1;}", n)
	for i, previous := 1, 2; i < n; i++ {
		fmt.Fprintf(&b, "i:%d;a:2:{i:0;R:%d;i:1;R:%d;}", i, previous, previous)
		previous = 5 + i - 1 // the first has two values of its own
	}
	return b.String() + "}"
}

// acquaintances is objects that each refer to all before them: there are more
// paths than anybody could write down.
func acquaintances(n int) string {
	var b strings.Builder
	number := 2 // of the next object
	var objects []int
	fmt.Fprintf(&b, "a:%d:{", n)
	for i := range n {
		fmt.Fprintf(&b, `i:%d;O:1:"A":1:{s:1:"a";a:%d:{`, i, n)
		objects = append(objects, number)
		for j := range n {
			fmt.Fprintf(&b, "i:%d;r:%d;", j, objects[min(i, j)])
		}
		number += 2 + n
		b.WriteString("}}")
	}
	return b.String() + "}"
}

func TestDecodeKeepsLimits(t *testing.T) {
	tight := phpserial.Limits{Input: 200, Depth: 3, Elements: 5, Output: 30}
	for _, tt := range []struct {
		name   string
		in     string
		limits phpserial.Limits
		want   string // of the error; empty if it is within
	}{
		{"input at its most", `s:193:"` + strings.Repeat("x", 193) + `";`, phpserial.Limits{Input: 202}, ""},
		{"input over it", `s:193:"` + strings.Repeat("x", 193) + `";`, phpserial.Limits{Input: 201}, "202 bytes of text, the most is 201"},
		{"default input", strings.Repeat("x", phpserial.MaxInput+1), phpserial.Limits{}, "1048577 bytes of text, the most is 1048576"},
		{"depth at its most", nested(3), tight, ""},
		{"depth over it", nested(4), tight, "deeper than 3 at byte 29"},
		{"default depth at its most", nested(64), phpserial.Limits{}, ""},
		{"default depth over it", nested(65), phpserial.Limits{}, "deeper than 64 at byte 578"},
		{"no limit that could end the stack", nested(513), phpserial.Limits{Depth: 1 << 30}, "deeper than 512 at byte 4610"},
		{"depth of what stands for bytes", "a:1:{i:0;a:1:{i:0;a:1:{i:0;s:1:\"\xff\";}}}", tight, "JSON deeper than 3 with the value at byte 27"},
		{"depth of an enum", `a:1:{i:0;a:1:{i:0;a:1:{i:0;E:3:"A:B";}}}`, tight, "JSON deeper than 3 with the value at byte 27"},
		{"depth of a cycle", `a:1:{i:0;a:1:{i:0;a:1:{i:0;R:1;}}}`, tight, "JSON deeper than 3 with the value at byte 0"},
		{"depth by references", `a:2:{i:0;a:1:{i:0;a:0:{}}i:1;a:1:{i:0;R:2;}}`, tight, "JSON deeper than 3 with the value at byte 18"},
		{"elements at their most", `a:5:{i:0;N;i:1;N;i:2;N;i:3;N;i:4;N;}`, tight, ""},
		{"elements over it", `a:6:{i:0;N;i:1;N;i:2;N;i:3;N;i:4;N;i:5;N;}`, tight, "more than 5 elements at byte 5"},
		{"elements in several", `a:2:{i:0;a:2:{i:0;N;i:1;N;}i:1;a:2:{i:0;N;i:1;N;}}`, tight, "more than 5 elements at byte 36"},
		{"output at its most", `s:28:"` + strings.Repeat("x", 28) + `";`, tight, ""},
		{"output over it", `s:29:"` + strings.Repeat("x", 29) + `";`, tight, "more than 30 bytes of JSON with the value at byte 0"},
		{"output by escapes", `s:5:"` + strings.Repeat("\x00", 5) + `";`, tight, "more than 30 bytes of JSON with the value at byte 0"},
		{"output by references", doubling(60), phpserial.Limits{}, "more than 79320 bytes of JSON"},
		{"output by paths", acquaintances(40), phpserial.Limits{}, "more than 212920 bytes of JSON"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := phpserial.Decode([]byte(tt.in), tt.limits)
			if tt.want == "" {
				if err != nil || !json.Valid(got) {
					t.Errorf("got %.100s, error %v", got, err)
				}
				return
			}
			if !errors.Is(err, phpserial.ErrLimit) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %.100s, error %v\nwant ErrLimit with %q", got, err, tt.want)
			}
		})
	}
}

// Whatever the text claims, memory is taken for what is there.
func TestDecodeTakesBoundedMemory(t *testing.T) {
	const most = phpserial.MaxElements
	var list, distinct strings.Builder
	for i := range most {
		fmt.Fprintf(&list, "i:%d;N;", i)
		fmt.Fprintf(&distinct, "s:6:\"%06d\";N;", i)
	}
	for _, tt := range []struct {
		name, in string
		want     uint64 // bytes
	}{
		{"a long string that is not there", `s:999999999:"x"`, 16 << 10},
		{"a big array that is not there", `a:999999999:{`, 16 << 10},
		{"big arrays in each other", strings.Repeat(`a:1000000:{i:0;`, 64), 16 << 10},
		{"arrays as big as the text allows", strings.Repeat(`a:100:{i:0;`, 60) + strings.Repeat(" ", 600), 256 << 10},
		{"a string as long as can be", `s:1048560:"` + strings.Repeat("\x00", 1048560) + `";`, 40 << 20},
		{"as many as can be", fmt.Sprintf("a:%d:{%s}", most, list.String()), 24 << 20},
		{"as many keys as can be", fmt.Sprintf("a:%d:{%s}", most, distinct.String()), 24 << 20},
		{"as many references as can be", doubling(60), 4 << 20},
		{"paths", acquaintances(100), 24 << 20},
	} {
		t.Run(tt.name, func(t *testing.T) {
			data := []byte(tt.in)
			if got := allocated(func() { phpserial.Decode(data, phpserial.Limits{}) }); got > tt.want {
				t.Errorf("took %d bytes for a text of %d, want at most %d", got, len(tt.in), tt.want)
			} else {
				t.Logf("took %d bytes for a text of %d", got, len(tt.in))
			}
		})
	}
}

// allocated is how many bytes do takes, kept or not.
func allocated(do func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	do()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}
