# draw(n, salt): 0 to 999 as if drawn, the same in every awk; squares keep draws of different salts
# apart.
function draw(n, salt,   h) {
  h = (n * 7919 + salt * 104729) % 1000003
  h = (h * h + salt) % 1000003
  return (h * h + 1) % 1000003 % 1000
}
