from ngw2f.cli import main

main()
