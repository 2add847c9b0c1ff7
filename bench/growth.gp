# Draws the ratios with their quartiles: gnuplot -c growth.gp DATA PICTURE
data = ARG1
set terminal svg size 1400,360 dynamic enhanced font 'sans-serif,13' background '#ffffff'
set output ARG2
set multiplot layout 1,5 margins 0.05,0.99,0.18,0.88 spacing 0.04 \
    title 'versioned\_update : hand-written UPDATE, in one backend (times as fast)'
set style data yerrorlines
set grid ytics linecolor '#dddddd'
set border 3
set tics nomirror
set logscale x
set offsets graph 0.05, graph 0.05, 0, 0
set yrange [0:*]
set format x '%.0s%c'
dimensions = 'rows scattered_rows columns tables partitions'
do for [i = 1:5] {
    set xlabel word(dimensions, i) noenhanced
    plot data index (i - 1) using 1:2:3:4 notitle linewidth 2 pointtype 7 pointsize 0.6 linecolor '#2f5d8a'
}
unset multiplot
