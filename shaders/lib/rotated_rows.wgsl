// rotated_rows: 16 rows of inp as the Hadamard transform mixes them.
// shapes:  inp (rows, C); the result has four columns
// numerics: those of hadamard; rows beyond the last are zero
// dispatch: none (library)
// source:  own
import package::lib::hadamard::{hadamard, Rows};

fn rotatedRows(first: u32, column: u32, rows: u32, c4: u32) -> Rows {
  var mixed: Rows;
  for (var i = 0u; i < 16u; i++) {
    if (first + i < rows) {
      mixed[i] = inp::load((first + i) * c4 + column);
    }
  }
  hadamard(&mixed);
  return mixed;
}
