// hadamard: 16 rows of a matrix, mixed by an orthogonal matrix with random signs.
// shapes:  16 vectors of four columns
// numerics: f32; R = diag(signs) H / 4 with Sylvester's H, so that R R^T = 1 exactly
// dispatch: none (library)
// source:  the random Hadamard transform of NVFP4 (arXiv 2509.25149), with the signs of TransformerEngine; reference/blockScales.ts (oracle)

alias Rows = array<vec4f, 16>;

// Signs of the rows: + + + - + - - - - - - + - + - -, the first in the lowest bit; 1 is minus.
const SIGNS = 0xd7e8u;

fn hadamard(rows: ptr<function, Rows>) {
  for (var i = 0u; i < 16u; i++) {
    let factor = select(0.25, -0.25, ((SIGNS >> i) & 1u) != 0u);
    (*rows)[i] *= factor;
  }
  for (var span = 1u; span < 16u; span <<= 1u) {
    for (var i = 0u; i < 8u; i++) {
      let low = (i / span) * 2u * span + i % span;
      let a = (*rows)[low];
      let b = (*rows)[low + span];
      (*rows)[low] = a + b;
      (*rows)[low + span] = a - b;
    }
  }
}
