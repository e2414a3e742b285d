/** |cos| between the columns of gate and up of each channel, in f64. @param weight (rows, 2 I): gate, then up */
export function gateAlignment(weight: ArrayLike<number>, rows: number): Float64Array {
  const columns = weight.length / rows;
  const channels = columns / 2;
  return Float64Array.from({ length: channels }, (_, channel) => {
    let [dot, gates, ups] = [0, 0, 0];
    for (let row = 0; row < rows; row++) {
      const gate = weight[row * columns + channel]!;
      const up = weight[row * columns + channels + channel]!;
      dot += gate * up;
      gates += gate * gate;
      ups += up * up;
    }
    return gates * ups === 0 ? 0 : Math.abs(dot) / Math.sqrt(gates * ups);
  });
}
