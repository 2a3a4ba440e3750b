// Package phpserial reads and writes PHP's serialization as JSON, for the
// channels of the seed's NativeCommChannel, whose messages are serialized PHP
// arrays of a type, an id and a payload.
//
// Whoever can write to a channel chooses the text that is read here, so the
// reader has bounds for all it does ([Limits]) and makes no objects: it tells
// in JSON what the text describes. What is written is for PHP's unserialize,
// so the writer makes null, booleans, numbers, strings and arrays alone and
// can't be talked into an object of any class.
//
// # PHP to JSON
//
//	N b i             null, true or false, the digits (all 64 bits of them)
//	d                 the shortest digits that tell the float: d:1.0E+25; is 1e+25 and d:2; is 2
//	d:INF; d:NAN;     "INF", "-INF", "NAN": JSON has no such numbers, and null would hide them
//	s                 a string; if it is not UTF-8, {"__b64":"<its bytes in base64>"}
//	a                 a list if its keys are 0, 1, 2... in this order, else an object in the array's order
//	O                 {"__class":"Point","x":1,...}: all properties, private ones too
//	E                 {"__enum":"Suit:Hearts"}
//	C                 {"__class":"Set","__data":"<what its own serialize method gave>"}
//	r R               what they refer to, once more; inside of itself {"__ref":n}
//
// Keys are strings in JSON; one that is not UTF-8 is "__b64:" and its bytes
// in base64. A private property of a class that the object's own class
// extends is told by its bare name, as all properties are, unless another
// has that name: then it is "Class::name". A property called "__class" always
// is. A key that is twice in one array or object is an error: PHP writes none.
//
// The n of {"__ref":n} is PHP's own: the text's values are counted from 1,
// keys and R not. It also stands for a reference to what can't be counted,
// because it comes after the beginning of a C, whose data may hold values of
// its own.
//
// An array with a key "__class" looks like an object. The marks tell clients
// what PHP has sent; nothing may be granted for their sake.
//
// # JSON to PHP
//
// Numbers without fraction or exponent are i where 64 bits hold them, all
// others d; -0 is a float, too. Lists and objects are arrays, and keys that
// PHP takes for integers are written as such. {"__class":...} and
// {"__enum":...} are arrays like all others. {"__b64":"..."} is refused:
// PHP keeps messages in JSON, and wipes the channel if a byte is not UTF-8.
package phpserial
